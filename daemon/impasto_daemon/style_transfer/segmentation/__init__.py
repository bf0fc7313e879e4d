"""The parts of a photo, as the network sees them."""
