"""The operating system, as daemon and clients use it: `host` is the module for this one."""
