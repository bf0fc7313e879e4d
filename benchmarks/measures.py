"""The quality of a picture, by measures that no program compared here optimises.

Style: the distance from the painting in layers that no program uses, in colours, and in strength
and direction of edges. Content: the similarity of the edges of picture and photo.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.colours import luminance
from impasto_daemon.style_transfer.losses.moments import moments
from impasto_daemon.style_transfer.losses.wasserstein import OptimalTransport
from impasto_daemon.style_transfer.networks.vgg import VGG

HELD_OUT = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]
_SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).view(1, 1, 3, 3) / 4
_DIRECTIONS, _STRENGTHS = 8, 8
_WINDOW_PX = 11
# Wang et al. 2004, section III.B, for values in [0, 1].
_SSIM_1, _SSIM_2 = 0.01**2, 0.03**2


def held_out_distance(network: VGG, picture: Tensor, painting: Tensor) -> float:
    """Returns the mean relative squared W2 distance at held-out layers; 0 is equal."""
    with torch.no_grad():
        activations, targets = (
            dict(network.activations(rgb, HELD_OUT)) for rgb in (picture, painting)
        )
        distances = []
        for layer in HELD_OUT:
            actual, target = moments(activations[layer].double()), moments(targets[layer].double())
            distance = (actual.mean - target.mean).square().sum()
            distance += OptimalTransport(target.covariance, 1.0).distance(actual.covariance)
            distances.append((distance / target.power).item())
    return sum(distances) / len(distances)


def colour_distance(picture: Tensor, painting: Tensor) -> float:
    """Returns the sliced 1-Wasserstein distance of the colours: (1, 3, H, W) each, in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    directions = functional.normalize(torch.randn(64, 3, generator=generator), dim=1)
    quantiles = torch.linspace(0, 1, 512)
    one, other = (
        torch.quantile(
            directions @ rgb.flatten(2)[0][:, :: max(1, rgb[0, 0].numel() // 50_000)],
            quantiles,
            dim=1,
        )
        for rgb in (picture, painting)
    )
    return (one - other).abs().mean().item()


def edge_distance(picture: Tensor, painting: Tensor) -> float:
    """Returns the share of edges that differ in strength or direction, at three scales."""
    distances = []
    for halved in (1, 2, 4):
        one, other = (
            _edge_histogram(functional.avg_pool2d(rgb, halved)) for rgb in (picture, painting)
        )
        distances.append(((one - other).abs().sum() / 2).item())
    return sum(distances) / len(distances)


def edge_similarity(picture: Tensor, photo: Tensor) -> float:
    """Returns the structural similarity of the edges of two pictures (Wang et al. 2004)."""
    one, other = (_edges(rgb)[0] for rgb in (picture, photo))

    def mean(of: Tensor) -> Tensor:
        return functional.avg_pool2d(of, _WINDOW_PX, stride=1)

    mean_one, mean_other = mean(one), mean(other)
    variances = mean(one.square()) + mean(other.square()) - mean_one**2 - mean_other**2
    together = mean(one * other) - mean_one * mean_other
    similarity = (2 * mean_one * mean_other + _SSIM_1) * (2 * together + _SSIM_2)
    similarity /= (mean_one**2 + mean_other**2 + _SSIM_1) * (variances + _SSIM_2)
    return similarity.mean().item()


def _edges(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Returns strength and direction, in [0, π), of the edges of (1, 3, H, W)."""
    light = functional.pad(luminance(rgb), (1, 1, 1, 1), mode="replicate")
    across, down = (functional.conv2d(light, kernel) for kernel in (_SOBEL, _SOBEL.mT))
    return (across**2 + down**2).sqrt(), torch.atan2(down, across) % torch.pi


def _edge_histogram(rgb: Tensor) -> Tensor:
    strength, direction = _edges(rgb)
    octaves = (torch.log2(strength.clamp_min(2**-8)) + 8).long().clamp(0, _STRENGTHS - 1)
    turned = (direction / torch.pi * _DIRECTIONS).long() % _DIRECTIONS
    counts = torch.bincount((octaves * _DIRECTIONS + turned).flatten(), minlength=64).float()
    return counts / counts.sum()
