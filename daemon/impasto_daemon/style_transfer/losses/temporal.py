"""The temporal loss: a frame keeps the paint of the one before it, where that has moved to.

Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos" (GCPR 2016), equation 7, with the
mean over numbers D, which the short-term loss, equation 8, adds to those of content and style:

    L(x) = 1/D Σ_k c_k (x_k - ω_k)²

x: the frame; ω: the painted frame before it, warped along the optical flow; c: where the flow is
trusted, from 0 to 1. Both come from outside: no loss knows the flow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.pixels import resize
from impasto_daemon.style_transfer.images.regions import reduced_mask
from impasto_daemon.style_transfer.losses.image_losses import ImageLoss
from impasto_daemon.style_transfer.networks.crops import Crop

# A difference of a tenth of the range everywhere costs as much as all of the style that is missing.
TEMPORAL_WEIGHT = 100.0


@dataclass(frozen=True)
class FormerFrame:
    """The frame before, as it would be seen now.

    rgb: (1, 3, H, W), painted and warped.
    trust: (1, 1, H, W) in [0, 1], how much each of its pixels is to stay.
    """

    rgb: Tensor
    trust: Tensor

    def mapped(self, change: Callable[[Tensor], Tensor]) -> FormerFrame:
        """Returns the frame with both tensors changed."""
        return FormerFrame(change(self.rgb), change(self.trust))

    def resized(self, height: int, width: int) -> FormerFrame:
        """Returns the frame at a scale; a pixel is trusted as much as those that it replaces."""
        return FormerFrame(resize(self.rgb, height, width), reduced_mask(self.trust, height, width))

    def distance(self, rgb: Tensor, crop: Crop | None = None) -> Tensor:
        """Returns the mean of c (x - ω)², of a crop as in `image_losses.total_variation`."""
        crop = crop or Crop.full(rgb)
        rows, columns = crop.size
        difference = rgb[:, :, :rows, :columns] - crop.cut(self.rgb)
        return (crop.cut(self.trust) * difference.square()).sum() / (
            rgb.shape[1] * crop.height * crop.width
        )


def temporal_loss(former: FormerFrame, margin: int = 0) -> ImageLoss:
    """Returns the loss of equation 7 with its weight; margin: see `ImageLoss`."""
    # Positions of the interior count from the edge of the margin.
    placed = former.mapped(lambda tensor: functional.pad(tensor, (margin,) * 4))
    return ImageLoss(placed.distance, TEMPORAL_WEIGHT, margin)
