"""The options of daemon and clients, and where their values come from."""
