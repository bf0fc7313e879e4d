"""Jobs of the plug-in, independent of GIMP and GTK."""
