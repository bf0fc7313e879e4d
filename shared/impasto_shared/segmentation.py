"""The parts that a photo is split into, each a suggestion for a region."""

from __future__ import annotations

MIN_PARTS = 2
MAX_PARTS = 6
LARGEST_PX = 2048
"""The longest side of a photo to split; more would make the masks larger, not better."""
