"""A picture painted at less than the photo's size, brought up to it with the photo's own edges.

The painting and the photo have their edges in the same places. Around each pixel of the small
pictures the painted colours are taken as a linear function of the photo's lightness (the guided
filter, He, Sun and Tang 2013, equations 5 and 6; found at the small size and enlarged, as in He and
Sun 2015). Departure: the filter's output would lack whatever paint the photo has no equal of. So
only what an enlargement loses of the photo is brought back, as much of it as the paint follows the
photo there: painted, enlarged, + slope × (photo - photo, reduced and enlarged), and no further than
the colours that are painted around: beyond them is a halo.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.colours import luminance
from impasto_daemon.style_transfer.images.pixels import resample, resize

# Windows of 5 × 5: no wider than what an enlarged edge is blurred over.
_RADIUS_PX = 2
# Contrasts of the photo below its root, 1 / 50, are taken for grain and left out.
_SMALLEST_VARIANCE = 4e-4
# Where the photo is nearly flat and the paint is not, the slope says nothing of edges.
_STEEPEST = 2.0
# How far around colours are looked for. Two pixels leave less halo and less of what is thin.
_COLOURS_RADIUS_PX = 3
# Of Keys 1981 (and of torch's and Pillow's antialiased bicubic filters).
_CUBIC = -0.5


class Enlarged:
    """`painted` (1, 3, h, w) in [0, 1] at height × width, made some rows at a time.

    photo: (1, 3, h, w), what was painted over, at the same size; None where edges have nothing to
        do with a photo's.
    Where one of the sides is not larger than the painted one, it is scaled as all pictures are.
    """

    def __init__(self, painted: Tensor, photo: Tensor | None, height: int, width: int) -> None:
        small_height, small_width = painted.shape[2:]
        self._size = height, width
        self._whole: Tensor | None = None
        self._is_guided = photo is not None
        if height < small_height or width < small_width or painted.shape[2:] == (height, width):
            self._whole = resize(painted, height, width)
            return
        self._small = painted.clamp(0, 1)
        if photo is not None:
            lightness = luminance(photo)
            highest = _highest(self._small)
            lowest = -_highest(-self._small)
            slope = slopes(lightness, self._small)
            self._small = torch.cat((self._small, lightness, slope, highest, lowest), dim=1)

    def rows(self, photo: Tensor, rows: slice) -> Tensor:
        """Some of its rows: (1, 3, h, width), in [0, 1]; photo: those rows at the full size."""
        if self._whole is not None:
            return self._whole[:, :, rows].clamp(0, 1)
        height, width = self._size
        tall = _rows_of(self._small, height, rows)
        large = resample(tall, tall.shape[2], width)
        if not self._is_guided:
            return large.clamp(0, 1)
        painted, lightness, slope, highest, lowest = torch.split(large, [3, 1, 3, 3, 3], dim=1)
        sharp = painted + slope * (luminance(photo) - lightness)
        sharp = torch.minimum(sharp, torch.maximum(highest, painted))
        return torch.maximum(sharp, torch.minimum(lowest, painted)).clamp(0, 1)


def slopes(lightness: Tensor, painted: Tensor) -> Tensor:
    """How much the colours change with the photo's lightness, around each pixel: (1, 3, h, w).

    lightness: (1, 1, h, w), painted: (1, 3, h, w).
    """
    mean_light, mean_painted = _mean(lightness), _mean(painted)
    together = _mean(lightness * painted) - mean_light * mean_painted
    variance = _mean(lightness.square()) - mean_light.square()
    # The mean of the slopes around, each counted as it is sure of itself: the plain mean of the
    # paper would take in flat places beside an edge, which know nothing of it.
    slope = _mean(together) / (_mean(variance).clamp_min(0) + _SMALLEST_VARIANCE)
    return slope.clamp(-_STEEPEST, _STEEPEST)


def _mean(picture: Tensor) -> Tensor:
    """The mean around each pixel, of what lies inside the picture."""
    side = 2 * _RADIUS_PX + 1
    return functional.avg_pool2d(
        picture, side, stride=1, padding=_RADIUS_PX, count_include_pad=False
    )


def _highest(painted: Tensor) -> Tensor:
    """The highest number of each channel around each pixel."""
    side = 2 * _COLOURS_RADIUS_PX + 1
    return functional.max_pool2d(painted, side, stride=1, padding=_COLOURS_RADIUS_PX)


def _rows_of(picture: Tensor, height: int, rows: slice) -> Tensor:
    """Some rows of `picture` (1, C, h, w) enlarged bicubically to `height` rows: (1, C, n, w)."""
    small_height = picture.shape[2]
    wanted = torch.arange(rows.start, rows.stop, dtype=torch.float64)
    centres = (wanted + 0.5) * small_height / height - 0.5
    taken = centres.floor().long().unsqueeze(1) + torch.arange(-1, 3)  # (n, 4)
    weights = _cubic((taken - centres.unsqueeze(1)).abs())
    # What would be outside the picture does not count.
    weights *= (taken >= 0) & (taken < small_height)
    weights = (weights / weights.sum(dim=1, keepdim=True)).to(picture)
    taken = taken.clamp(0, small_height - 1)
    found = torch.zeros(1, picture.shape[1], len(taken), picture.shape[3]).to(picture)
    for tap in range(4):
        found.addcmul_(picture[:, :, taken[:, tap]], weights[:, tap].view(1, 1, -1, 1))
    return found


def _cubic(distance: Tensor) -> Tensor:
    """The weight of a sample at `distance` in [0, 2] (Keys 1981, equation 4)."""
    a, x = _CUBIC, distance
    near = ((a + 2) * x - (a + 3)) * x.square() + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return torch.where(x <= 1, near, far)
