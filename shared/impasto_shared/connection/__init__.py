"""The connection to a daemon: its socket, its keys, its loss and its replacement."""
