"""The operating system: the memory of a process, the log."""
