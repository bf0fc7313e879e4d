"""The guided filter with a colour guide (He, Sun and Tang 2013): masks along a photo's edges.

Around each pixel the filtered mask is a linear function of the photo's colours. Its coefficients
are computed at a reduced size and enlarged, as in He and Sun 2015: the photo itself has the edges.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


class GuidedFilter:
    """Filters masks of the size of `guide` (1, 3, h, w) in [0, 1].

    radius_px: windows have 2 × radius_px + 1 pixels a side.
    epsilon: contrasts of the guide below its root count as grain.
    """

    def __init__(self, guide: Tensor, *, radius_px: int, epsilon: float) -> None:
        self._guide, self._radius_px = guide, radius_px
        self._mean = self._local_mean(guide)
        products = guide.unsqueeze(2) * guide.unsqueeze(1)  # (1, 3, 3, h, w)
        second = self._local_mean(products.flatten(1, 2)).view_as(products)
        variance = second - self._mean.unsqueeze(2) * self._mean.unsqueeze(1)
        regularised = variance.permute(0, 3, 4, 1, 2) + epsilon * torch.eye(3).to(guide)
        self._inverse = torch.linalg.inv(regularised)  # (1, h, w, 3, 3)

    def filtered(self, mask: Tensor, photo: Tensor) -> Tensor:
        """Returns `mask` (1, 1, h, w) with the edges of `photo`: (1, 1, H, W), not clamped.

        Masks with a constant sum have the same sum afterwards.

        photo: (1, 3, H, W), the guide at its full size, or the guide itself.
        """
        averaged = self._local_mean(torch.cat(self._coefficients(mask), dim=1))
        large = functional.interpolate(averaged, photo.shape[2:], mode="bilinear")
        return (large[:, :3] * photo).sum(dim=1, keepdim=True) + large[:, 3:]

    def _coefficients(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Returns a, (1, 3, h, w), and b, (1, 1, h, w), of equations 14 and 15 of the paper."""
        mean_mask = self._local_mean(mask)
        covariance = self._local_mean(self._guide * mask) - self._mean * mean_mask
        solved = self._inverse @ covariance.permute(0, 2, 3, 1).unsqueeze(-1)
        factors = solved.squeeze(-1).permute(0, 3, 1, 2)
        return factors, mean_mask - (factors * self._mean).sum(dim=1, keepdim=True)

    def _local_mean(self, image: Tensor) -> Tensor:
        """Returns the mean around each pixel, over the pixels inside the image."""
        side_px = 2 * self._radius_px + 1
        for side in ((side_px, 1), (1, side_px)):
            padding = (side[0] // 2, side[1] // 2)
            image = functional.avg_pool2d(
                image, side, stride=1, padding=padding, count_include_pad=False
            )
        return image
