"""The circular padding that makes a picture tileable."""

from __future__ import annotations

from impasto_shared.settings import StyleSettings

CIRCULAR_PADDING_PX = 96
"""The pixels of padding on each side: more than the receptive field of relu5_1 reaches over."""


def circular_padding_px(settings: StyleSettings) -> int:
    """Returns the pixels that circular padding adds to the height, and to the width."""
    return 2 * CIRCULAR_PADDING_PX if settings.tileable else 0
