"""Guided upsampling: a picture painted at a reduced size gets the sharp edges of the photo.

The painted image and the photo have their edges in the same places. Around each pixel of the small
images, the painted colours are a linear function of the photo's luminance: the guided filter (He,
Sun and Tang 2013, equations 5 and 6), whose coefficients are computed at the small size and
upsampled, as in He and Sun 2015. Departure: the filter's output would lack all paint that has no
counterpart in the photo. So only the detail that upsampling loses of the photo is added, times the
filter's gain: painted, upsampled, + gain × (photo - photo, reduced and upsampled). The result is
limited to the painted colours around: colours beyond them would be a halo.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.colours import luminance
from impasto_daemon.style_transfer.images.pixels import resample, resize

# Windows of 5 × 5: no wider than the blur of an upsampled edge.
_RADIUS_PX = 2
# The filter's epsilon: contrasts of the photo below its root, 1 / 50, count as grain.
_EPSILON = 4e-4
# If the photo is nearly flat and the paint is not, the gain says nothing about edges.
_LARGEST_GAIN = 2.0
# The radius within which colours limit the result. Two pixels leave less halo, and less of thin
# lines.
_COLOURS_RADIUS_PX = 3
# The coefficient a of Keys 1981 (also that of torch's and Pillow's antialiased bicubic filters).
_CUBIC = -0.5


class GuidedUpsampler:
    """Upsamples `painted` (1, 3, h, w) in [0, 1] to height × width, some rows at a time.

    photo: (1, 3, h, w), the photo at the size of `painted`; None for bicubic upsampling without
        a guide.
    If a side does not grow, the image is resized like all others.
    """

    def __init__(self, painted: Tensor, photo: Tensor | None, height: int, width: int) -> None:
        small_height, small_width = painted.shape[2:]
        self._size = height, width
        self._resized: Tensor | None = None
        self._is_guided = photo is not None
        if height < small_height or width < small_width or painted.shape[2:] == (height, width):
            self._resized = resize(painted, height, width)
            return
        self._small = painted.clamp(0, 1)
        if photo is not None:
            small_luminance = luminance(photo)
            highest = _local_maximum(self._small)
            lowest = -_local_maximum(-self._small)
            gain = gains(small_luminance, self._small)
            self._small = torch.cat((self._small, small_luminance, gain, highest, lowest), dim=1)

    def rows(self, photo: Tensor, rows: slice) -> Tensor:
        """Returns some rows of the result: (1, 3, h, width), in [0, 1].

        photo: the same rows of the photo, at full size.
        """
        if self._resized is not None:
            return self._resized[:, :, rows].clamp(0, 1)
        height, width = self._size
        tall = _upsampled_rows(self._small, height, rows)
        large = resample(tall, tall.shape[2], width)
        if not self._is_guided:
            return large.clamp(0, 1)
        painted, blurred, gain, highest, lowest = torch.split(large, [3, 1, 3, 3, 3], dim=1)
        sharp = painted + gain * (luminance(photo) - blurred)
        sharp = torch.minimum(sharp, torch.maximum(highest, painted))
        return torch.maximum(sharp, torch.minimum(lowest, painted)).clamp(0, 1)


def gains(photo_luminance: Tensor, painted: Tensor) -> Tensor:
    """Returns the guided filter's gain (its coefficient a) around each pixel: (1, 3, h, w).

    It is the regression coefficient of the colours with respect to the photo's luminance.

    photo_luminance: (1, 1, h, w).
    painted: (1, 3, h, w).
    """
    mean_luminance, mean_painted = _local_mean(photo_luminance), _local_mean(painted)
    covariance = _local_mean(photo_luminance * painted) - mean_luminance * mean_painted
    variance = _local_mean(photo_luminance.square()) - mean_luminance.square()
    # A mean of the gains around, weighted by the variance: the plain mean of the paper would
    # include flat neighbourhoods of an edge, whose gains mean nothing.
    gain = _local_mean(covariance) / (_local_mean(variance).clamp_min(0) + _EPSILON)
    return gain.clamp(-_LARGEST_GAIN, _LARGEST_GAIN)


def _local_mean(image: Tensor) -> Tensor:
    """Returns the mean around each pixel, over the pixels inside the image."""
    side = 2 * _RADIUS_PX + 1
    return functional.avg_pool2d(image, side, stride=1, padding=_RADIUS_PX, count_include_pad=False)


def _local_maximum(image: Tensor) -> Tensor:
    """Returns the maximum of each channel around each pixel."""
    side = 2 * _COLOURS_RADIUS_PX + 1
    return functional.max_pool2d(image, side, stride=1, padding=_COLOURS_RADIUS_PX)


def _upsampled_rows(image: Tensor, height: int, rows: slice) -> Tensor:
    """Returns some rows of `image` (1, C, h, w), upsampled to `height` rows: (1, C, n, w)."""
    small_height = image.shape[2]
    targets = torch.arange(rows.start, rows.stop, dtype=torch.float64)
    centres = (targets + 0.5) * small_height / height - 0.5
    sources = centres.floor().long().unsqueeze(1) + torch.arange(-1, 3)  # (n, 4)
    weights = _cubic((sources - centres.unsqueeze(1)).abs())
    # Rows outside the image do not count.
    weights *= (sources >= 0) & (sources < small_height)
    weights = (weights / weights.sum(dim=1, keepdim=True)).to(image)
    sources = sources.clamp(0, small_height - 1)
    result = torch.zeros(1, image.shape[1], len(sources), image.shape[3]).to(image)
    for tap in range(4):
        result.addcmul_(image[:, :, sources[:, tap]], weights[:, tap].view(1, 1, -1, 1))
    return result


def _cubic(distance: Tensor) -> Tensor:
    """Returns the weight of a sample at `distance` in [0, 2] (Keys 1981, equation 4)."""
    a, x = _CUBIC, distance
    near = ((a + 2) * x - (a + 3)) * x.square() + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return torch.where(x <= 1, near, far)
