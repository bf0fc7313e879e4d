"""The statistics of style: the first two moments of a layer's activations over all positions.

They are means over positions, so moments of several paintings, or of the tiles of one, can be
blended. The second moment is the Gram matrix of Gatys et al. (2016).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.statistics import Statistic


class Moments(NamedTuple):
    """The moments of C channels: mean (C) and second (C, C), the raw one, about zero."""

    mean: Tensor
    second: Tensor

    @property
    def covariance(self) -> Tensor:
        """The second moment about the mean: (C, C)."""
        return self.second - self.mean.outer(self.mean)

    @property
    def power(self) -> Tensor:
        """The mean squared length of a position's activations: the unit of distances."""
        # Not trace(): on a GPU its gradient waits for all kernels that are under way.
        return self.second.diagonal().sum()


class Features(ABC):
    """A function of the activations at one position, whose mean over positions is a statistic."""

    @abstractmethod
    def __call__(self, activation: Tensor, weights: Tensor | None = None) -> Statistic:
        """Returns the means over the positions of an activation (1, C, H, W).

        weights: of each position, (H * W); None: all count alike, and the means are plain ones.
        """

    def backward(self, activation: Tensor, weights: Tensor | None, gradient: Statistic) -> Tensor:
        """Returns the gradient with respect to the activation, given that of the means."""
        variable = activation.detach().requires_grad_()
        with torch.enable_grad():
            means = self(variable, weights)
        (result,) = torch.autograd.grad(means, variable, gradient)
        return result


class _FirstTwoMoments(Features):
    def __call__(self, activation: Tensor, weights: Tensor | None = None) -> Moments:
        """Returns the moments of an activation (1, C, H, W), at least in float32.

        weights: of each position, (H * W), adding up to 1 (Gatys et al. 2017, Controlling
            Perceptual Factors, equation 5).
        """
        return Moments(*_MomentsFunction.apply(activation, weights))

    def backward(self, activation: Tensor, weights: Tensor | None, gradient: Statistic) -> Tensor:
        """Returns the gradient with respect to the activation, given that of both moments."""
        grad_mean, grad_second = gradient
        return _moments_backward(activation, weights, grad_mean, grad_second)


moments = _FirstTwoMoments()


class _MomentsFunction(torch.autograd.Function):
    """Both moments, with a gradient that takes one matrix product for the two."""

    @staticmethod
    def forward(ctx: Any, activation: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(activation, weights)
        positions = precise(positions_of(activation))  # (H * W, C)
        if weights is None:
            return positions.mean(dim=0), positions.T @ positions / len(positions)
        weighted = positions * weights.to(positions).unsqueeze(1)
        return weighted.sum(dim=0), weighted.T @ positions

    @staticmethod
    def backward(ctx: Any, grad_mean: Tensor, grad_second: Tensor) -> tuple[Tensor, None]:
        activation, weights = ctx.saved_tensors
        return _moments_backward(activation, weights, grad_mean, grad_second), None


def _moments_backward(
    activation: Tensor, weights: Tensor | None, grad_mean: Tensor, grad_second: Tensor
) -> Tensor:
    positions = precise(positions_of(activation))
    # d second_ij / d position = e_i position_j + e_j position_i
    grad_both = grad_second + grad_second.T
    if weights is None:
        grad_both, grad_mean = grad_both / len(positions), grad_mean / len(positions)
    if activation.is_contiguous():
        gradient = torch.addmm(grad_mean.unsqueeze(1), grad_both, positions.T)  # (C, H * W)
        if weights is not None:
            gradient *= weights.to(gradient)
        return gradient.view(activation.shape).to(activation.dtype)
    gradient = torch.addmm(grad_mean, positions, grad_both)  # (H * W, C)
    if weights is not None:
        gradient *= weights.to(gradient).unsqueeze(1)
    _, channels, height, width = activation.shape
    gradient = gradient.view(1, height, width, channels).permute(0, 3, 1, 2)
    return gradient.to(activation.dtype)


def blend(shares: Iterable[float], statistics: Iterable[Statistic]) -> Statistic:
    """Returns the statistic of several sets of positions together.

    shares: the fraction of each set; they add up to 1.
    """
    shares = list(shares)
    return tuple(
        torch.stack([share * mean for share, mean in zip(shares, means, strict=True)]).sum(dim=0)
        for means in zip(*statistics, strict=True)
    )


def positions_of(activation: Tensor) -> Tensor:
    """Returns an activation (1, C, H, W) as rows of positions: (H * W, C), a view if possible."""
    if activation.is_contiguous():
        return activation.squeeze(0).flatten(start_dim=1).T
    return activation.permute(0, 2, 3, 1).flatten(end_dim=2)


def precise(positions: Tensor) -> Tensor:
    """Returns `positions` in float32 at least: sums of many 16-bit numbers are lost to rounding."""
    return positions.float() if positions.element_size() < 4 else positions
