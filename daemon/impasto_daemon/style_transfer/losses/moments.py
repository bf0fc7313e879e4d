"""The statistics of style: the first two moments of a layer's activations over all positions.

They are means over positions, so moments of several pictures, or of parts of one, can be blended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Statistic = tuple[Tensor, ...]
"""Means over positions; a weighted mean of those of parts is that of the whole."""
Measure = Callable[[Tensor, Tensor | None], Statistic]
"""The statistic of an activation (1, C, H, W), each position counted as a guide (H * W) says."""


class Moments(NamedTuple):
    """The moments of C channels: mean (C), second (C, C), the raw one, about zero."""

    mean: Tensor
    second: Tensor

    @property
    def covariance(self) -> Tensor:
        """The second moment about the mean: (C, C)."""
        return self.second - self.mean.outer(self.mean)

    @property
    def power(self) -> Tensor:
        """The mean squared length of a position's activations: the unit of distances."""
        # Not trace(): on a GPU the slope of that waits for all that is under way.
        return self.second.diagonal().sum()


def moments(activation: Tensor, guide: Tensor | None = None) -> Moments:
    """The moments of an activation (1, C, H, W) over its H * W positions, at least in float32.

    guide: how much each position counts, (H * W), adding up to 1; None where all count alike
        (Gatys et al. 2017, Controlling Perceptual Factors, equation 5).
    """
    mean, second = _FirstTwo.apply(activation, guide)
    return Moments(mean, second)


def gram_matrix(activation: Tensor) -> Tensor:
    """Correlations of the channels, the statistic of style (Gatys et al. 2016, equation 3).

    activation: (1, C, H, W). Returns (C, C), divided by H * W, so that neither the picture's
    size nor the painting's matters (the paper divides the loss by both sizes, equation 4).
    """
    return moments(activation).second


def blend(parts: Iterable[tuple[float, Statistic]]) -> Statistic:
    """That of several sets of positions together, each with its share; they add up to 1."""
    shares, statistics = zip(*parts, strict=True)
    return tuple(
        torch.stack([share * mean for share, mean in zip(shares, means, strict=True)]).sum(dim=0)
        for means in zip(*statistics, strict=True)
    )


def positions_of(activation: Tensor) -> Tensor:
    """An activation (1, C, H, W) as one row a position: (H * W, C), a view where that can be."""
    if activation.is_contiguous():
        return activation.squeeze(0).flatten(start_dim=1).T
    return activation.permute(0, 2, 3, 1).flatten(end_dim=2)


class _FirstTwo(torch.autograd.Function):
    """Both moments at once, and a slope that takes one matrix product for both."""

    @staticmethod
    def forward(ctx: Any, activation: Tensor, guide: Tensor | None) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(activation, guide)
        positions = precise(positions_of(activation))
        if guide is None:
            count = len(positions)
            return positions.mean(dim=0), positions.T @ positions / count
        guided = positions * guide.to(positions).unsqueeze(1)
        return guided.sum(dim=0), guided.T @ positions

    @staticmethod
    def backward(ctx: Any, slope_of_mean: Tensor, slope_of_second: Tensor) -> tuple[Tensor, None]:
        activation, guide = ctx.saved_tensors
        positions = precise(positions_of(activation))
        both = slope_of_second + slope_of_second.T
        if guide is None:
            both, slope_of_mean = both / len(positions), slope_of_mean / len(positions)
        if activation.is_contiguous():
            slope = torch.addmm(slope_of_mean.unsqueeze(1), both, positions.T)  # (C, H*W)
            if guide is not None:
                slope *= guide.to(slope)
            return slope.view(activation.shape).to(activation.dtype), None
        slope = torch.addmm(slope_of_mean, positions, both)  # (H*W, C)
        if guide is not None:
            slope *= guide.to(slope).unsqueeze(1)
        _, channels, height, width = activation.shape
        slope = slope.view(1, height, width, channels).permute(0, 3, 1, 2)
        return slope.to(activation.dtype), None


def precise(positions: Tensor) -> Tensor:
    """`positions` in float32 at least: sums of many 16-bit numbers would be lost to rounding."""
    return positions.float() if positions.element_size() < 4 else positions
