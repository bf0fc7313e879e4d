"""Tileable pictures: each edge continues at the opposite one.

The network pads by replication. So it gets a tileable image with circular padding as wide as its
receptive field. The losses of activations measure the interior only, where every position is that
of an endless pattern; so do those of the image. (Reconstruction losses measure the copies, too.)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.guided_upsampling import GuidedUpsampler
from impasto_daemon.style_transfer.planning.padding import CIRCULAR_PADDING_PX
from impasto_shared.settings import StyleSettings

SIDE_STEP_PX = 16
"""The step of the sides: the four pooling layers divide its multiples without a remainder."""


def pad_circular(image: Tensor) -> Tensor:
    """Returns `image` (1, C, H, W) with CIRCULAR_PADDING_PX of its copies on each side."""
    height, width = image.shape[2:]
    rows, columns = (
        torch.arange(-CIRCULAR_PADDING_PX, length + CIRCULAR_PADDING_PX, device=image.device)
        % length
        for length in (height, width)
    )
    return image.index_select(2, rows).index_select(3, columns)


def border_px(settings: StyleSettings) -> int:
    """Returns the width of the border that `pad_circular` adds to the image, if it is tileable."""
    return CIRCULAR_PADDING_PX if settings.tileable else 0


def mask_interior(mask: Tensor) -> Tensor:
    """Returns `mask` (1, 1, H, W) for the image with circular padding: 0 in the padding."""
    return functional.pad(mask, (CIRCULAR_PADDING_PX,) * 4)


def resize_circular(rgb: Tensor, height: int, width: int) -> Tensor:
    """Returns `rgb` resized as by `pixels.resize`, but with its copies around it."""
    if rgb.shape[2:] == (height, width):
        return rgb
    # Of three copies in a row the middle one is surrounded by the others.
    tall = _resampled(rgb.repeat(1, 1, 3, 1), 3 * height, rgb.shape[3])[:, :, height : 2 * height]
    wide = _resampled(tall.repeat(1, 1, 1, 3), height, 3 * width)[:, :, :, width : 2 * width]
    return wide.clamp(0, 1)


class CircularUpsampler:
    """Upsamples a tileable image like `GuidedUpsampler`, without a photo as its guide."""

    def __init__(self, painted: Tensor, height: int, width: int) -> None:
        self._height, self._width = height, width
        self._resized: Tensor | None = None
        if height <= painted.shape[2] or width <= painted.shape[3]:
            self._resized = resize_circular(painted.clamp(0, 1), height, width)
        else:
            self._copies = GuidedUpsampler(painted.repeat(1, 1, 3, 3), None, 3 * height, 3 * width)

    def rows(self, photo: Tensor, rows: slice) -> Tensor:
        """Returns some rows of the result: (1, 3, h, width), in [0, 1]."""
        if self._resized is not None:
            return self._resized[:, :, rows].clamp(0, 1)
        middle = slice(rows.start + self._height, rows.stop + self._height)
        return self._copies.rows(photo, middle)[:, :, :, self._width : 2 * self._width]


def _resampled(rgb: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(rgb, (height, width), mode="bicubic", antialias=True)


def tileable_size(height: int, width: int) -> tuple[int, int]:
    """Returns the nearest sides that are multiples of SIDE_STEP_PX, at least 32."""
    return _tileable_side(height), _tileable_side(width)


def _tileable_side(side: int) -> int:
    return SIDE_STEP_PX * max(2, round(side / SIDE_STEP_PX))
