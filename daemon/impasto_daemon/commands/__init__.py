"""The command line `impasto`, a client of the daemon: one module per command."""
