"""The size at which a photo is split into regions, and the memory that this takes."""

from __future__ import annotations

from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR

SEEN_PX = 448
"""The longest side at which the network sees the photo."""

# The affinities of all pairs of positions in single and double precision, with copies.
_GRID_BYTES = 40 * (SEEN_PX // 8) ** 4
# The photo, its masks, and what the filter makes of them.
_PHOTO_PX_BYTES = 150


def segmentation_bytes(width: int, height: int, *, on_gpu: bool) -> int:
    """Returns the peak memory of splitting a photo: of the worker, or of its GPU."""
    model = GPU if on_gpu else PROCESSOR
    network_bytes = model.base + model.painting * SEEN_PX**2
    return (
        network_bytes if on_gpu else network_bytes + _GRID_BYTES + _PHOTO_PX_BYTES * width * height
    )
