"""The daemon: takes jobs over ZeroMQ and paints them in a process of their own."""
