"""Explore's contact sheets in GIMP."""
