"""The settings, the protocol and the client, shared by the GIMP plug-in and the daemon."""

__version__ = "0.2.0.dev0"
