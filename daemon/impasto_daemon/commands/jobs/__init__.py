"""The commands for jobs that the daemon has: listed, shown, kept, fetched, cancelled."""
