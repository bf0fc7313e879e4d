"""Rectangles of a layer's positions, and how to cut them out of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class Interval(NamedTuple):
    """Positions along one side, from `start` up to but not including `stop`."""

    start: int
    stop: int

    def grown(self, length: int) -> Interval:
        """Returns the interval with one more position at both ends, within [0, length)."""
        return Interval(max(0, self.start - 1), min(length, self.stop + 1))

    def relative_to(self, origin: Interval) -> slice:
        """Returns the positions as a slice of those of `origin`."""
        return slice(self.start - origin.start, self.stop - origin.start)


@dataclass(frozen=True)
class Crop:
    """A rectangle of a layer that has height × width positions."""

    rows: Interval
    columns: Interval
    height: int
    width: int

    @classmethod
    def full(cls, activation: Tensor) -> Crop:
        """Returns the crop that holds all positions of an activation (…, H, W)."""
        height, width = activation.shape[-2:]
        return cls(Interval(0, height), Interval(0, width), height, width)

    @property
    def size(self) -> tuple[int, int]:
        """The number of its rows and of its columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def fraction(self) -> float:
        """The fraction of the layer's positions that it holds, in (0, 1]."""
        rows, columns = self.size
        return rows * columns / (self.height * self.width)

    @property
    def with_next(self) -> Crop:
        """The crop extended by the row below and the column to the right, within the layer."""
        rows, columns = self.rows.grown(self.height), self.columns.grown(self.width)
        return Crop(
            Interval(self.rows.start, rows.stop),
            Interval(self.columns.start, columns.stop),
            self.height,
            self.width,
        )

    def cut(self, activation: Tensor, origin: Crop | None = None) -> Tensor:
        """Returns these positions of `activation` (…, h, w): a view, or the tensor itself.

        origin: the crop that `activation` holds; by default the whole layer.
        """
        origin = origin or Crop.full(activation)
        if (self.rows, self.columns) == (origin.rows, origin.columns):
            return activation
        rows, columns = self.rows.relative_to(origin.rows), self.columns.relative_to(origin.columns)
        return activation[..., rows, columns]
