import pytest
import torch
from torch import Tensor
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.networks.vgg import VGG, VGG19_BLOCKS, Convolution
from impasto_shared.settings import Pooling
from measures import (
    DEEP_LAYERS,
    grain,
    measure,
    patch_match,
    sampled_activations,
    self_similarity_distance,
)

PHOTO, PAINTING = (random_rgb(64, 80, seed=seed, dtype=torch.float32) for seed in (1, 2))


@pytest.fixture
def network() -> VGG:
    """A VGG-19 of four channels in each layer."""
    generator = torch.Generator().manual_seed(0)
    incoming = [3] + [4] * (sum(VGG19_BLOCKS) - 1)
    weights = [torch.randn(4, count, 3, 3, generator=generator) / 3 for count in incoming]
    convolutions = [Convolution(weight, torch.full((4,), 0.1)) for weight in weights]
    return VGG(convolutions, VGG19_BLOCKS, pooling=Pooling.MAX)


def test_photo_keeps_its_own_structure_and_edges(network: VGG) -> None:
    measures = measure(network, PHOTO, PHOTO, PAINTING)

    assert (measures.structure, measures.deep_structure) == (0, 0)
    assert measures.edges_kept == pytest.approx(1)
    assert measures.style > 0
    assert measures.colours > 0


def test_painting_is_its_own_style(network: VGG) -> None:
    measures = measure(network, PAINTING, PHOTO, PAINTING)

    assert (measures.style, measures.patch_distance) == pytest.approx((0, 0), abs=1e-6)
    assert (measures.colours, measures.edges) == (0, 0)
    assert measures.patches_used == pytest.approx(1)
    assert measures.structure > 0


def test_structure_is_the_difference_of_distances_between_positions(network: VGG) -> None:
    def distances(rgb: Tensor) -> Tensor:
        columns = torch.cat(list(sampled_activations(network, rgb, DEEP_LAYERS).values()), dim=1)
        unlike = torch.stack([1 - functional.cosine_similarity(row, columns) for row in columns])
        return unlike / unlike.sum(dim=0)

    expected = (distances(PHOTO) - distances(PAINTING)).abs().mean() * 1024

    distance = self_similarity_distance(network, PHOTO, PAINTING, DEEP_LAYERS)
    assert distance == pytest.approx(expected.item(), rel=1e-3)
    assert distance == measure(network, PHOTO, PAINTING, PAINTING).deep_structure


def test_positions_are_the_same_fractions_of_sides_at_every_size(network: VGG) -> None:
    colour = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1)
    half = torch.zeros(1, 1, 1, 2)
    half[..., 1] = 0.4
    small = functional.interpolate(colour + half, (32, 32))
    large = functional.interpolate(colour + half, (128, 128))

    activation, reference = (
        sampled_activations(network, rgb, ["relu1_1"])["relu1_1"] for rgb in (small, large)
    )

    is_equal = (activation - reference).abs().amax(dim=1) < 1e-5
    # The few others are next to the border between the halves.
    assert is_equal.float().mean() > 0.85


def test_one_repeated_motif_uses_one_patch() -> None:
    motif = PAINTING[..., :9, :9]

    distance, used = patch_match(motif, PAINTING)

    patches = ((64 - 9) // 4 + 1) * ((80 - 9) // 4 + 1)
    assert distance == 0
    assert used == pytest.approx(1 / patches)


def test_patch_distance_is_a_difference_per_value() -> None:
    distance, used = patch_match(PAINTING + 0.01, PAINTING)

    assert distance == pytest.approx(0.01, rel=1e-3)
    assert used == pytest.approx(1)


def test_grain_counts_flat_areas_only() -> None:
    photo = PHOTO.clone()
    photo[..., :30] = 0.5
    noise = PHOTO - 0.5
    flat, busy = (torch.full_like(photo, 0.5) for _ in range(2))
    flat[..., :30] += noise[..., :30]
    busy[..., 36:] += noise[..., 36:]
    twice = 0.5 + 2 * (flat - 0.5)

    assert grain(busy, photo, PAINTING) == 0
    assert grain(flat, photo, PAINTING) > 0
    assert grain(twice, photo, PAINTING) == pytest.approx(2 * grain(flat, photo, PAINTING))


def test_grain_of_a_painting_of_a_single_colour_is_finite() -> None:
    assert grain(PHOTO, PHOTO, torch.full_like(PAINTING, 0.3)) < 1000
