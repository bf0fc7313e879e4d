"""The optimizers that minimise the loss."""
