"""Files in the GIMP profile: presets, the last choices, records of results."""
