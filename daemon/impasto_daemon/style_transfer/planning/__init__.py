"""Which scales and tiles a picture is painted in: numbers alone, no torch."""
