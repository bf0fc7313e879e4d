"""The GIMP plug-in: a client of the daemon that reads layers and writes layers."""
