"""How the loss is minimised."""
