"""The procedures that GIMP offers."""
