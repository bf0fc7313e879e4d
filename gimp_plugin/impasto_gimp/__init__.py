"""The plug-in for GIMP: a client of the daemon that reads and adds layers."""
