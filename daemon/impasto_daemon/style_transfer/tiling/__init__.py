"""A network evaluated tile by tile, with the numbers of the whole picture."""
