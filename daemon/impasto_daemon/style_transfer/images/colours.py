"""Whose colours a picture has (Gatys, Bethge, Hertzmann and Shechtman 2016, Preserving Color)."""

from __future__ import annotations

import torch
from torch import Tensor

# Red, green and blue in luminance, as the paper has them (ITU-R BT.601).
_LUMINANCE = (0.299, 0.587, 0.114)
# Keeps a painting of few colours from being stretched without end.
_SMALLEST_VARIANCE = 1e-5


def luminance(rgb: Tensor) -> Tensor:
    """The light and dark of `rgb` (N, 3, H, W): (N, 1, H, W)."""
    weights = rgb.new_tensor(_LUMINANCE).view(1, 3, 1, 1)
    return (rgb * weights).sum(dim=1, keepdim=True)


def grey(rgb: Tensor) -> Tensor:
    """`rgb` (N, 3, H, W) without its colours, in the same shape."""
    return luminance(rgb).expand_as(rgb).contiguous()


def with_luminance_of(photo: Tensor, painted: Tensor) -> Tensor:
    """The colours of `photo` with the light and dark of `painted`: (N, 3, H, W), in [0, 1]."""
    return (photo + luminance(painted) - luminance(photo)).clamp(0, 1)


def match(painting: Tensor, photo: Tensor) -> Tensor:
    """`painting` (1, 3, H, W) with the mean and covariance of the colours of `photo`.

    The linear map is the symmetric one, which moves colours least (the paper's section 3.1 allows
    any that matches the moments).
    """
    colours = painting.flatten(2).squeeze(0).double()  # (3, n)
    wanted = photo.flatten(2).squeeze(0).double()
    mean, wanted_mean = colours.mean(1, keepdim=True), wanted.mean(1, keepdim=True)
    root, inverse_root = _roots(_covariance(colours - mean))
    middle, _ = _roots(root @ _covariance(wanted - wanted_mean) @ root)
    mapped = inverse_root @ middle @ inverse_root @ (colours - mean) + wanted_mean
    return mapped.clamp(0, 1).to(painting).view_as(painting)


def _covariance(centred: Tensor) -> Tensor:
    identity = torch.eye(3, dtype=centred.dtype, device=centred.device)
    return centred @ centred.T / centred.shape[1] + _SMALLEST_VARIANCE * identity


def _roots(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a symmetric positive matrix, and its inverse."""
    values, vectors = torch.linalg.eigh(covariance)
    root = values.sqrt()
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
