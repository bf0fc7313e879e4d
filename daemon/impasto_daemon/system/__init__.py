"""The operating system: what differs between systems, the memory of a process, the log."""
