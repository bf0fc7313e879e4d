"""The procedures that GIMP offers, and their arguments."""
