"""The files of both sides: where they are, read with limits, written atomically."""
