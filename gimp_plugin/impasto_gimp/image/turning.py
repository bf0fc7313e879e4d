"""Signs of a changed layer: a small picture of it before, and one after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from impasto_shared.image import Image

SAMPLE_PX = 24
"""The longest side of the pictures that are compared."""

_Grid: TypeAlias = Sequence[Sequence[bytes]]
"""Rows of pixels."""

# A picture that is nearly the same after turning tells nothing, and retouching is no turning.
_MUCH_NEARER = 0.5


def is_same(before: Image, after: Image) -> bool:
    """Returns whether two small pictures are the same in every pixel."""
    shapes = {(each.width, each.height, each.format) for each in (before, after)}
    return len(shapes) == 1 and bytes(before.pixels) == bytes(after.pixels)


def is_turned(before: Image, after: Image) -> bool:
    """Returns whether `after` is much more like `before` turned or mirrored than as it was.

    Both have 8 bits a channel.
    """
    former, present = _grid(before), _grid(after)
    if _shape(former) != _shape(present):
        return _shape(former) == _shape(present)[::-1]
    as_it_was = _distance(former, present)
    turned = [
        _distance(grid, present) for grid in _turned(former) if _shape(grid) == _shape(present)
    ]
    return min(turned) < _MUCH_NEARER * as_it_was


def _grid(picture: Image) -> _Grid:
    pixels, size = bytes(picture.pixels), picture.format.bytes_per_pixel
    row_bytes = picture.width * size
    return [
        [pixels[start : start + 3] for start in range(y * row_bytes, (y + 1) * row_bytes, size)]
        for y in range(picture.height)
    ]


def _shape(grid: _Grid) -> tuple[int, int]:
    return len(grid), len(grid[0])


def _turned(grid: _Grid) -> Iterator[_Grid]:
    """Yields the grid as it is after each turn by a right angle and each mirroring."""
    mirrored = [row[::-1] for row in grid]
    yield mirrored
    for turned in (grid, mirrored):
        for _ in range(3):
            turned = [list(row) for row in zip(*turned[::-1], strict=True)]
            yield turned


def _distance(one: _Grid, other: _Grid) -> int:
    """Returns the sum of the absolute differences of all values."""
    return sum(
        abs(left - right)
        for row, other_row in zip(one, other, strict=True)
        for pixel, other_pixel in zip(row, other_row, strict=True)
        for left, right in zip(pixel, other_pixel, strict=True)
    )
