"""What the GIMP plug-in and the daemon share: settings, protocol and client."""

__version__ = "0.1.0"
