"""The protocol between the daemon and its clients: messages, reports of jobs, their bytes."""
