"""The options of daemon and clients, and the resolution of their values."""
