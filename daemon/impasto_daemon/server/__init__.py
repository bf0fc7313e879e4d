"""The server process: sockets, jobs and results. It answers within milliseconds; no torch."""
