"""GIMP images: pixels in and out, styles, and what a layer remembers of them."""
