"""Colour preservation and matching (Gatys, Bethge, Hertzmann and Shechtman 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

# The weights of red, green and blue in the luminance, as in the paper (ITU-R BT.601).
_LUMINANCE = (0.299, 0.587, 0.114)
# Added to the variances: keeps a painting of few colours from being stretched without limit.
_SMALLEST_VARIANCE = 1e-5


def luminance(rgb: Tensor) -> Tensor:
    """Returns the luminance of `rgb` (N, 3, H, W): (N, 1, H, W)."""
    weights = rgb.new_tensor(_LUMINANCE).view(1, 3, 1, 1)
    return (rgb * weights).sum(dim=1, keepdim=True)


def grey(rgb: Tensor) -> Tensor:
    """Returns `rgb` (N, 3, H, W) in shades of grey, in the same shape."""
    return luminance(rgb).expand_as(rgb).contiguous()


def with_luminance_of(photo: Tensor, painted: Tensor) -> Tensor:
    """Returns the colours of `photo` with the luminance of `painted`: (N, 3, H, W), in [0, 1]."""
    return (photo + luminance(painted) - luminance(photo)).clamp(0, 1)


def match(painting: Tensor, photo: Tensor) -> Tensor:
    """Returns `painting` (1, 3, H, W) with the mean and covariance of the colours of `photo`.

    The linear map is the symmetric one, which changes colours least (the paper's section 3.1
    allows any map that matches the moments).
    """
    colours = painting.flatten(2).squeeze(0).double()  # (3, n)
    target = photo.flatten(2).squeeze(0).double()
    mean, target_mean = colours.mean(1, keepdim=True), target.mean(1, keepdim=True)
    root, inverse_root = _roots(_covariance(colours - mean))
    middle, _ = _roots(root @ _covariance(target - target_mean) @ root)
    mapped = inverse_root @ middle @ inverse_root @ (colours - mean) + target_mean
    return mapped.clamp(0, 1).to(painting).view_as(painting)


def _covariance(centred: Tensor) -> Tensor:
    identity = torch.eye(3, dtype=centred.dtype, device=centred.device)
    return centred @ centred.T / centred.shape[1] + _SMALLEST_VARIANCE * identity


def _roots(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the square root of a symmetric positive definite matrix, and its inverse."""
    values, vectors = torch.linalg.eigh(covariance)
    root = values.sqrt()
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
