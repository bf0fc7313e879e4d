"""The networks that activations are read from."""
