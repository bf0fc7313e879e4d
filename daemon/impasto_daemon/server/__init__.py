"""The server process: sockets, jobs and results; it answers within milliseconds, without torch."""
