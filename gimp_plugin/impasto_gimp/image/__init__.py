"""GIMP images: pixels in and out, styles, and the recipes of painted layers."""
