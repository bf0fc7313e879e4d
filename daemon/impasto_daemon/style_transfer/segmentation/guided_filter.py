"""The guided filter with a colour guide (He, Sun and Tang 2013): masks along a photo's edges.

Around each pixel the filtered mask is a linear function of the photo's colours. Its coefficients
are computed at a reduced size and enlarged, as in He and Sun 2015: the photo itself has the edges.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.pixels import resize


def guided_filter(
    masks: Tensor, photo: Tensor, *, radius_px: int, epsilon: float, guide: Tensor | None = None
) -> Tensor:
    """Returns `masks` (k, 1, h, w) with the edges of `photo`: (k, 1, H, W), not clamped.

    The sum of the masks is preserved.

    photo: (1, 3, H, W) in [0, 1].
    radius_px: windows have 2 × radius_px + 1 pixels of the masks a side.
    epsilon: contrasts of the photo below its root count as grain.
    guide: `photo` at the size of the masks; None: it is resized.
    """
    small = resize(photo, *masks.shape[2:]) if guide is None else guide
    factors, offset = _coefficients(masks, small, radius_px, epsilon)
    averaged = _local_mean(torch.cat((factors, offset), dim=1), radius_px)
    large = functional.interpolate(averaged, photo.shape[2:], mode="bilinear")
    return (large[:, :3] * photo).sum(dim=1, keepdim=True) + large[:, 3:]


def _coefficients(
    masks: Tensor, photo: Tensor, radius_px: int, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Returns a, (k, 3, h, w), and b, (k, 1, h, w), of equations 14 and 15 of the paper."""
    mean = _local_mean(photo, radius_px)
    mean_masks = _local_mean(masks, radius_px)
    covariance = _local_mean(photo * masks, radius_px) - mean * mean_masks
    products = photo.unsqueeze(2) * photo.unsqueeze(1)  # (1, 3, 3, h, w)
    second = _local_mean(products.flatten(1, 2), radius_px).view_as(products)
    variance = (second - mean.unsqueeze(2) * mean.unsqueeze(1)).permute(0, 3, 4, 1, 2)
    regularised = variance + epsilon * torch.eye(3).to(variance)
    solved = torch.linalg.solve(regularised, covariance.permute(0, 2, 3, 1).unsqueeze(-1))
    factors = solved.squeeze(-1).permute(0, 3, 1, 2)
    return factors, mean_masks - (factors * mean).sum(dim=1, keepdim=True)


def _local_mean(image: Tensor, radius_px: int) -> Tensor:
    """Returns the mean around each pixel, over the pixels inside the image."""
    for side in ((2 * radius_px + 1, 1), (1, 2 * radius_px + 1)):
        padding = (side[0] // 2, side[1] // 2)
        image = functional.avg_pool2d(
            image, side, stride=1, padding=padding, count_include_pad=False
        )
    return image
