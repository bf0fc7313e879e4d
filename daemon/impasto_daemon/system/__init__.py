"""The operating system: files written atomically, the memory of a process, the log."""
