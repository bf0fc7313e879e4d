"""The procedures that GIMP sees, and their arguments."""
