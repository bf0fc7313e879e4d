"""The installation, as the setup and the plug-in agree on it: what is installed, and where."""
