"""The journal: jobs and finished pictures on the disk, so that they outlive the daemon."""
