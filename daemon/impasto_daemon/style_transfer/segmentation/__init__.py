"""The regions of a photo, as the network sees them."""
