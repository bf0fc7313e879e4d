"""Losses of the image itself: total variation, and colours outside [0, 1]."""

from __future__ import annotations

from torch import Tensor

from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.networks.crops import Crop
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


def out_of_range(rgb: Tensor) -> Tensor:
    """Returns the mean squared distance of the colours from [0, 1]."""
    return (rgb - rgb.detach().clamp(0, 1)).square().mean()


class TotalVariationLoss(Loss):
    """The total variation of the image: a penalty for noise."""

    def __init__(self, weight: float) -> None:
        self.measure = _TotalVariation()
        self._weight = weight

    def __call__(self, statistic: Statistic) -> Tensor:
        """Returns weight × total variation."""
        return self._weight * statistic[0]


class OutOfRangeLoss(Loss):
    """A penalty for colours outside [0, 1], which an optimizer without bounds needs."""

    def __init__(self, weight: float) -> None:
        self.measure = _OutOfRange()
        self._weight = weight

    def __call__(self, statistic: Statistic) -> Tensor:
        """Returns weight × the mean squared distance from the range."""
        return self._weight * statistic[0]


class _TotalVariation(Measure):
    def statistic(self, rgb: Tensor, crop: Crop) -> Statistic:
        """Returns what a crop contributes to the total variation."""
        return (total_variation(rgb, crop),)


class _OutOfRange(Measure):
    def statistic(self, rgb: Tensor, crop: Crop) -> Statistic:
        """Returns what a crop contributes to the mean squared distance."""
        rows, columns = crop.size
        return (crop.fraction * out_of_range(rgb[:, :, :rows, :columns]),)
