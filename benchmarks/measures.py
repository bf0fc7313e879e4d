"""The quality of a picture, by measures that no program compared here optimises.

Style: the distance from the painting in layers that no program uses, in colours, in strength and
direction of edges, and in small patches. Content: the similarity of the edges of picture and
photo, and how much of the photo's self-similarity is left. All images are (1, 3, H, W) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.colours import luminance
from impasto_daemon.style_transfer.losses.moments import moments
from impasto_daemon.style_transfer.losses.wasserstein import OptimalTransport
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_shared.settings import Model, Pooling

HELD_OUT = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]
DEEP_LAYERS = ("relu4_2", "relu4_3", "relu5_1", "relu5_3")
"""The layers of the deep structure: objects and their parts."""
DEEPEST = "relu5_3"
"""The deepest layer of the whole structure, which is compared at all layers down to it."""
_SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).view(1, 1, 3, 3) / 4
_DIRECTIONS, _STRENGTHS = 8, 8
_WINDOW_PX = 11
# Wang et al. 2004, section III.B, for values in [0, 1].
_SSIM_1, _SSIM_2 = 0.01**2, 0.03**2
_POSITIONS = 1024
_PATCH_PX, _PATCH_STRIDE_PX = 9, 4
_PATCHES_AT_ONCE = 2048
_LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]).view(1, 1, 3, 3)
_FLAT_SHARE = 0.25
# Half a step of 8 bits: the detail of a painting of a single colour is not divided by.
_SMALLEST_DETAIL = 0.5 / 255


@dataclass(frozen=True)
class Measures:
    """All measures of a picture; less is better, except for edges kept and patches used."""

    style: float
    colours: float
    edges: float
    edges_kept: float
    structure: float
    deep_structure: float
    patch_distance: float
    patches_used: float
    grain: float


LABELS = {
    "style": "Held-out layers",
    "colours": "Colours",
    "edges": "Edges",
    "edges_kept": "Photo's edges kept",
    "structure": "Structure",
    "deep_structure": "Structure, deep",
    "patch_distance": "9 × 9 patches",
    "patches_used": "Patches used",
    "grain": "Grain",
}
"""The heading of each measure in a table."""


def evaluation_network() -> VGG:
    """Returns the network that measures pictures, whichever painted them."""
    network = load_network(Model.VGG19, Pooling.MAX)
    assert isinstance(network, VGG)  # noqa: S101 - for mypy
    return network


def mean(measures: Sequence[Measures]) -> Measures:
    """Returns the mean of each measure."""
    columns = zip(*(astuple(each) for each in measures), strict=True)
    return Measures(*(sum(column) / len(measures) for column in columns))


def measure(network: VGG, picture: Tensor, photo: Tensor, painting: Tensor) -> Measures:
    """Returns all measures of `picture`; photo: of the same size, painting: at the same scale."""
    columns, photo_columns = (
        sampled_activations(network, rgb, network.down_to([DEEPEST])) for rgb in (picture, photo)
    )
    patch_distance, patches_used = patch_match(picture, painting)
    return Measures(
        style=held_out_distance(network, picture, painting),
        colours=colour_distance(picture, painting),
        edges=edge_distance(picture, painting),
        edges_kept=edge_similarity(picture, photo),
        structure=_structure_distance(columns, photo_columns, list(columns)),
        deep_structure=_structure_distance(columns, photo_columns, DEEP_LAYERS),
        patch_distance=patch_distance,
        patches_used=patches_used,
        grain=grain(picture, photo, painting),
    )


def held_out_distance(network: VGG, picture: Tensor, painting: Tensor) -> float:
    """Returns the mean relative squared W2 distance at held-out layers; 0 if equal."""
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

    def window_mean(of: Tensor) -> Tensor:
        return functional.avg_pool2d(of, _WINDOW_PX, stride=1)

    mean_one, mean_other = window_mean(one), window_mean(other)
    variances = window_mean(one.square()) + window_mean(other.square())
    variances -= mean_one**2 + mean_other**2
    together = window_mean(one * other) - mean_one * mean_other
    similarity = (2 * mean_one * mean_other + _SSIM_1) * (2 * together + _SSIM_2)
    similarity /= (mean_one**2 + mean_other**2 + _SSIM_1) * (variances + _SSIM_2)
    return similarity.mean().item()


def self_similarity_distance(
    network: VGG, picture: Tensor, photo: Tensor, layers: Collection[str]
) -> float:
    """Returns how far the picture's self-similarity is from the photo's; 0 if equal.

    The content loss of STROTSS (Kolkin et al. 2019, section 2.3), with the factor of its code: the
    mean of |D / (column sums of D) - D' / (column sums of D')| × n, where D are the cosine
    distances between n = 1024 fixed random positions. A position is described by its activations
    at all of `layers`, concatenated as they are: layers are not balanced, so the strongest decide.
    """
    columns, photo_columns = (sampled_activations(network, rgb, layers) for rgb in (picture, photo))
    return _structure_distance(columns, photo_columns, layers)


def sampled_activations(network: VGG, rgb: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
    """Returns the activations of each layer at the fixed positions, interpolated: (1024, C)."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.rand(1, 1, _POSITIONS, 2, generator=generator) * 2 - 1
    with torch.no_grad():
        return {
            layer: functional.grid_sample(
                activation.float(),
                positions.to(activation.device),
                padding_mode="border",
                align_corners=False,
            )[0, :, 0].T
            for layer, activation in network.activations(rgb, layers)
        }


def patch_match(picture: Tensor, painting: Tensor) -> tuple[float, float]:
    """Returns how much the picture's 9 × 9 patches resemble the painting's, and how many it uses.

    The first is the mean over patches of the root mean square difference from the painting's
    nearest patch, a value. The second is the fraction of the painting's patches that are the
    nearest to one of the picture's: the exponential of the entropy of how often each is, over their
    number. Small if few motifs are repeated, or if the picture is flat.
    """
    patches, targets = (
        functional.unfold(rgb, _PATCH_PX, stride=_PATCH_STRIDE_PX)[0].T
        for rgb in (picture, painting)
    )
    half_powers = targets.square().sum(dim=1) / 2
    nearest = torch.cat(
        [
            (block @ targets.T - half_powers).argmax(dim=1)
            for block in torch.split(patches, _PATCHES_AT_ONCE)
        ]
    )
    distance = (patches - targets[nearest]).square().mean(dim=1).sqrt().mean()
    shares = torch.bincount(nearest, minlength=len(targets)).double() / len(nearest)
    used = torch.special.entr(shares).sum().exp() / len(targets)
    return distance.item(), used.item()


def grain(picture: Tensor, photo: Tensor, painting: Tensor) -> float:
    """Returns the picture's detail in the photo's flattest quarter, relative to the painting's.

    Detail is the mean absolute Laplacian of luminance around a pixel. The painting's is its 25 %
    quantile, the detail at the border of its own flattest quarter.
    """
    photo_detail = _detail(photo)
    is_flat = photo_detail <= photo_detail.quantile(_FLAT_SHARE)
    typical = _detail(painting).quantile(_FLAT_SHARE).clamp_min(_SMALLEST_DETAIL)
    return (_laplacian(picture)[is_flat].mean() / typical).item()


def _structure_distance(
    columns: dict[str, Tensor], photo_columns: dict[str, Tensor], layers: Collection[str]
) -> float:
    similarity, target = (
        _self_similarity(torch.cat([each[layer] for layer in layers], dim=1))
        for each in (columns, photo_columns)
    )
    return (similarity - target).abs().mean().item() * len(target)


def _self_similarity(columns: Tensor) -> Tensor:
    """Returns the cosine distances between rows (n, C), each column divided by its sum: (n, n)."""
    directions = functional.normalize(columns.double(), dim=1)
    distances = (1 - directions @ directions.T).clamp_min(0)
    return distances / distances.sum(dim=0).clamp_min(1e-12)


def _laplacian(rgb: Tensor) -> Tensor:
    """Returns the absolute Laplacian of luminance: (1, 1, H, W)."""
    light = functional.pad(luminance(rgb), (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(light, _LAPLACIAN).abs()


def _detail(rgb: Tensor) -> Tensor:
    """Returns the mean absolute Laplacian in the window around each pixel: (1, 1, H, W)."""
    return functional.avg_pool2d(
        _laplacian(rgb), _WINDOW_PX, stride=1, padding=_WINDOW_PX // 2, count_include_pad=False
    )


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
