"""Windows that install the daemon, or say how."""
