"""The clients: who may connect, what they watch, what waits to be sent to them."""
