"""The size at which a picture is painted, for the daemon that paints and the dialog that asks."""

from __future__ import annotations

from impasto_shared.settings import Quality

_DRAFT_SHARE = 0.75
# A smaller draft is painted at its full size: there is room for the coarse scale that larger ones
# start with and for one more, and it shows the result of a larger size (docs/benchmarks.md).
_SMALLEST_REDUCED_PX = 256


def painted_side_px(longest_side_px: int, quality: Quality) -> int:
    """Returns the longest side at which a picture of `longest_side_px` is painted.

    It is smaller for a draft, and the same for every other quality.
    """
    if quality is not Quality.DRAFT:
        return longest_side_px
    return max(min(longest_side_px, _SMALLEST_REDUCED_PX), round(longest_side_px * _DRAFT_SHARE))
