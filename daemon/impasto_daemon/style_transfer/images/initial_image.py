"""The initial image of an optimisation."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.pixels import resize
from impasto_shared.settings import Mode, Start, StyleSettings

# Relative to the painting's contrast: enough to make every patch different, and little enough that
# a few iterations smooth it out.
_NOISE_CONTRAST = 0.3


def initial_image(content: Tensor, style: Tensor, settings: StyleSettings) -> Tensor:
    """Returns the initial image, in the shape of `content`: (1, 3, H, W).

    `settings.start` names it; if content or style is painted alone, it is noise.
    """
    if settings.start is Start.NOISE or settings.mode is not Mode.TRANSFER:
        return noise_like(content, style, settings.seed)
    if settings.start is Start.PAINTING:
        return cover(style, content.shape[2], content.shape[3])
    return content.clone()


def noise_like(content: Tensor, style: Tensor, seed: int) -> Tensor:
    """Returns normal noise in the shape of `content`, around the mean colour of `style`.

    Its standard deviation is a fraction of that of the painting. It is drawn on the CPU, so that
    a seed gives the same noise on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(content.shape, generator=generator).to(content)
    mean = style.mean(dim=(2, 3), keepdim=True)
    deviation = style.std(dim=(2, 3), keepdim=True, correction=0)
    return (mean + _NOISE_CONTRAST * deviation * noise).clamp(0, 1)


def cover(rgb: Tensor, height: int, width: int) -> Tensor:
    """Returns the centre of `rgb`, scaled by the least factor that covers height × width."""
    scale = max(height / rgb.shape[2], width / rgb.shape[3])
    scaled_height = max(height, round(rgb.shape[2] * scale))
    scaled_width = max(width, round(rgb.shape[3] * scale))
    scaled = resize(rgb, scaled_height, scaled_width)
    top, left = (scaled_height - height) // 2, (scaled_width - width) // 2
    return scaled[:, :, top : top + height, left : left + width]
