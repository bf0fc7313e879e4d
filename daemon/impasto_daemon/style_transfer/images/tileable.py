"""Pictures that go on from each edge to the opposite one, so that copies of them can be tiled.

The network repeats the outermost positions of what it sees. A picture is therefore shown to it with
as much of itself around as its convolutions reach over, and only what lies inside is measured:
so every activation that counts is the one of an endless pattern.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.guided_upsampling import Enlarged
from impasto_daemon.style_transfer.planning.padding import CIRCULAR_PADDING_PX

UNIT_PX = 16
"""Sides are multiples of it: then the four pooling layers divide every copy alike."""


def wrapped(picture: Tensor) -> Tensor:
    """Returns `picture` (1, C, H, W) with CIRCULAR_PADDING_PX of its copies on each side."""
    height, width = picture.shape[2:]
    rows, columns = (
        torch.arange(-CIRCULAR_PADDING_PX, length + CIRCULAR_PADDING_PX, device=picture.device)
        % length
        for length in (height, width)
    )
    return picture.index_select(2, rows).index_select(3, columns)


def inside(mask: Tensor) -> Tensor:
    """`mask` (1, 1, H, W) as `wrapped` would have it, but nothing of the copies around it."""
    return functional.pad(mask, (CIRCULAR_PADDING_PX,) * 4)


def resize_wrapped(rgb: Tensor, height: int, width: int) -> Tensor:
    """As `tensors.resize`, of a picture that goes on at its edges."""
    if rgb.shape[2:] == (height, width):
        return rgb
    # Of three copies in a row the middle one has the others as its surroundings.
    tall = _scaled(rgb.repeat(1, 1, 3, 1), 3 * height, rgb.shape[3])[:, :, height : 2 * height]
    wide = _scaled(tall.repeat(1, 1, 1, 3), height, 3 * width)[:, :, :, width : 2 * width]
    return wide.clamp(0, 1)


class EnlargedWrapped:
    """As `enlarging.Enlarged`, of a picture that goes on at its edges; no photo guides it."""

    def __init__(self, painted: Tensor, height: int, width: int) -> None:
        self._height, self._width = height, width
        self._whole: Tensor | None = None
        if height <= painted.shape[2] or width <= painted.shape[3]:
            self._whole = resize_wrapped(painted.clamp(0, 1), height, width)
        else:
            self._copies = Enlarged(painted.repeat(1, 1, 3, 3), None, 3 * height, 3 * width)

    def rows(self, photo: Tensor, rows: slice) -> Tensor:
        """Some of its rows: (1, 3, h, width), in [0, 1]."""
        if self._whole is not None:
            return self._whole[:, :, rows].clamp(0, 1)
        middle = slice(rows.start + self._height, rows.stop + self._height)
        return self._copies.rows(photo, middle)[:, :, :, self._width : 2 * self._width]


def _scaled(rgb: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(rgb, (height, width), mode="bicubic", antialias=True)


def whole_units(height: int, width: int) -> tuple[int, int]:
    """The sides nearest to these that are multiples of UNIT_PX."""
    return _whole(height), _whole(width)


def _whole(side: int) -> int:
    return UNIT_PX * max(2, round(side / UNIT_PX))
