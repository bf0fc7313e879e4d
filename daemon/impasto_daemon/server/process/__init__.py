"""The server as a process: its address, the only one of its user, signals, systemd."""
