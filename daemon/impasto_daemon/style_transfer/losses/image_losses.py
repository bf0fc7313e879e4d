"""Losses of the image itself: total variation, of its chroma too, and colours outside [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.networks.crops import Crop, Interval
from impasto_daemon.style_transfer.networks.statistics import Measure, Statistic


def total_variation(rgb: Tensor, crop: Crop | None = None) -> Tensor:
    """Returns the mean squared difference of neighbours, across plus down.

    rgb: (N, C, H, W), sides >= 2 (Mahendran and Vedaldi, CVPR 2015, section 3).
    crop: of a larger image; `rgb` then has the next row and column too, unless the crop ends at
        the border. The result is its contribution to the total variation of the image.
    """
    crop = crop or Crop.full(rgb)
    rows, columns = crop.size
    across = rgb[:, :, :rows, 1:] - rgb[:, :, :rows, :-1]
    down = rgb[:, :, 1:, :columns] - rgb[:, :, :-1, :columns]
    planes = rgb.shape[0] * rgb.shape[1]
    return across.square().sum() / (planes * crop.height * (crop.width - 1)) + (
        down.square().sum() / (planes * (crop.height - 1) * crop.width)
    )


def chroma(rgb: Tensor) -> Tensor:
    """Returns red against green, and both against blue, of `rgb` (N, 3, H, W): (N, 2, H, W).

    They are orthonormal, and at right angles to the grey axis.
    """
    red, green, blue = rgb.unbind(1)
    red_green = (red - green) / math.sqrt(2)
    yellow_blue = (red + green - 2 * blue) / math.sqrt(6)
    return torch.stack([red_green, yellow_blue], 1)


def chroma_variation(rgb: Tensor, crop: Crop | None = None) -> Tensor:
    """Returns the total variation of the chroma of `rgb`, of a crop as in `total_variation`.

    A network hardly notices how colours alternate from pixel to pixel, as eyes do not, and its
    gradient leaves more of that than any painting has.
    """
    return total_variation(chroma(rgb), crop)


def out_of_range(rgb: Tensor, crop: Crop | None = None) -> Tensor:
    """Returns the mean squared distance of the colours from [0, 1], as in `total_variation`."""
    crop = crop or Crop.full(rgb)
    rows, columns = crop.size
    inside = rgb[:, :, :rows, :columns]
    distance = inside - inside.detach().clamp(0, 1)
    return distance.square().sum() / (rgb.shape[0] * rgb.shape[1] * crop.height * crop.width)


class ImageLoss(Loss):
    """A function of the image that adds up over crops, times a weight.

    margin: the width of the image's border, in pixels, that repeats the opposite side. It does not
        count, except as the neighbour of the pixels inside.
    """

    def __init__(
        self, function: Callable[[Tensor, Crop], Tensor], weight: float, margin: int = 0
    ) -> None:
        self.measure = _ImageMeasure(function, margin)
        self._weight = weight

    def __call__(self, statistic: Statistic) -> Tensor:
        """Returns weight × function."""
        return self._weight * statistic[0]


class _ImageMeasure(Measure):
    def __init__(self, function: Callable[[Tensor, Crop], Tensor], margin: int) -> None:
        self._function = function
        self._margin = margin

    def statistic(self, rgb: Tensor, crop: Crop) -> Statistic:
        """Returns what a crop contributes; `rgb` has its next row and column, too."""
        return (self._function(*_interior(rgb, crop, self._margin)),)


def _interior(rgb: Tensor, crop: Crop, margin: int) -> tuple[Tensor, Crop]:
    """Returns the pixels of `rgb` that are not in the margin, and their place in the interior."""
    rows = _between(crop.rows, margin, crop.height - margin)
    columns = _between(crop.columns, margin, crop.width - margin)
    inner = Crop(rows, columns, crop.height, crop.width)
    pixels = inner.with_next.cut(rgb, origin=crop.with_next)
    return pixels, Crop(rows, columns, crop.height - 2 * margin, crop.width - 2 * margin)


def _between(interval: Interval, low: int, high: int) -> Interval:
    """Returns what of `interval` lies in [low, high), which may be nothing."""
    start = min(max(interval.start, low), interval.stop)
    return Interval(start, max(start, min(interval.stop, high)))
