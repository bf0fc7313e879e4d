"""The worker process: holds the network and paints one job at a time."""
