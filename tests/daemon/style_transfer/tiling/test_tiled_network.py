from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import (
    TINY_BLOCKS,
    Burnt,
    Fuse,
    random_rgb,
    tiny_convolutions,
    tiny_vgg,
)
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.objective import build_objective
from impasto_daemon.style_transfer.networks.conv_relu import conv_relu
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.statistics import IMAGE, Measure, Statistic
from impasto_daemon.style_transfer.networks.vgg import VGG, Convolution
from impasto_daemon.style_transfer.networks.vgg_layers import vgg_layers
from impasto_daemon.style_transfer.planning.layouts import Stage, Tiling
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork
from impasto_shared.settings import ContentLoss, Mode, Pooling, StyleLoss, StyleSettings

SETTINGS = StyleSettings(style_strength=1.3, smoothness=3)
LAYERS = [*map(str, vgg_layers(TINY_BLOCKS)), IMAGE]
ONE_STAGE = [Stage((1, 2, 3, 4, 5), 48)]
TWO_STAGES = [Stage((1, 2, 3), 24), Stage((4, 5), 3)]
FOUR_STAGES = [Stage((1, 2), 20), Stage((3,), 9), Stage((4,), 5), Stage((5,), 2)]
DEEP_AT_ONCE = [Stage((1, 2), 20), Stage((3, 4, 5), None)]
BLOCK_BY_BLOCK = [Stage((block,), 7) for block in (1, 2, 3, 4, 5)]
# Two or three tiles a side in each block of a picture of SIZE.
MASKS_KEPT = [
    Stage((block,), tile_px, keeps_masks=True)
    for block, tile_px in ((1, 23), (2, 13), (3, 7), (4, 4), (5, 2))
]
SOME_MASKS_KEPT = [
    Stage((1,), 15, keeps_masks=True),
    Stage((2, 3), 20),
    Stage((4,), 5, keeps_masks=True),
    Stage((5,), None),
]
TILINGS = [ONE_STAGE, TWO_STAGES, FOUR_STAGES, DEEP_AT_ONCE, BLOCK_BY_BLOCK]
# Most time is spent calling torch for each tile: no larger than it needs to be.
SIZE = (69, 53)
# Sides of an even number of tiles, odd ones, and such as leave something over at every pooling.
SIZES = [(64, 64), (97, 63), (33, 111)]


def in_tiles(network: VGG, tiling: Tiling | None) -> Network:
    return network if tiling is None else TiledNetwork(network, tiling)


def loss_and_gradient(
    tiling: Tiling | None,
    settings: StyleSettings,
    size: tuple[int, int] = SIZE,
    regions: Sequence[Region] | None = None,
    network: VGG | None = None,
    dtype: torch.dtype = torch.float64,
) -> tuple[Tensor, Tensor]:
    """Returns the loss and its gradient for an image with some colours out of range."""
    photo = random_rgb(*size, seed=1, dtype=dtype)
    regions = regions or [Region([Painting(random_rgb(71, 50, seed=2, dtype=dtype))])]
    network = network or tiny_vgg(settings.pooling)
    objective = build_objective(in_tiles(network, tiling), photo, regions, settings)
    return objective.loss_and_gradient(1.2 * random_rgb(*size, seed=3, dtype=dtype) - 0.1)


def assert_same(
    tiled: tuple[Tensor, Tensor], at_once: tuple[Tensor, Tensor], tolerance: float = 1e-11
) -> None:
    torch.testing.assert_close(tiled[0], at_once[0], rtol=tolerance, atol=0)
    largest = at_once[1].abs().max().item()
    assert largest > 0
    torch.testing.assert_close(tiled[1], at_once[1], rtol=0, atol=tolerance * largest)


def assert_exact(tiling: Tiling, settings: StyleSettings, size: tuple[int, int]) -> None:
    tiled, at_once = (loss_and_gradient(cut, settings, size) for cut in (tiling, None))
    assert_same(tiled, at_once)


class Recording(Measure):
    """Puts the crops of a layer together, and counts how often each position is measured."""

    def __init__(self) -> None:
        self.activation = torch.zeros(())
        self.counts = torch.zeros(())

    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        if not self.counts.ndim:
            self.counts = torch.zeros(crop.height, crop.width)
            shape = (activation.shape[1], crop.height, crop.width)
            self.activation = torch.zeros(shape, dtype=torch.float64)
        rows, columns = crop.size
        crop.cut(self.activation).copy_(activation[0, :, :rows, :columns])
        crop.cut(self.counts).add_(1)
        return (torch.zeros(()),)


def recorded(network: Network, rgb: Tensor) -> dict[str, Recording]:
    recordings = {layer: Recording() for layer in LAYERS}
    with torch.no_grad():
        network.statistics(rgb, {layer: [each] for layer, each in recordings.items()})
    return recordings


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tiling", TILINGS)
def test_every_position_is_measured_once_and_as_it_is_at_once(
    tiling: Tiling, size: tuple[int, int]
) -> None:
    rgb = random_rgb(*size, seed=1)

    at_once, tiled = (recorded(in_tiles(tiny_vgg(), cut), rgb) for cut in (None, tiling))

    for layer in LAYERS:
        assert (tiled[layer].counts == 1).all()
        torch.testing.assert_close(
            tiled[layer].activation, at_once[layer].activation, rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize(
    ("tiling", "pooling", "size"),
    [
        (ONE_STAGE, Pooling.AVERAGE, (97, 63)),
        (TWO_STAGES, Pooling.MAX, (64, 64)),
        (TWO_STAGES, Pooling.MAX, (97, 63)),
        (FOUR_STAGES, Pooling.AVERAGE, (97, 63)),
        (DEEP_AT_ONCE, Pooling.MAX, (97, 63)),
        (DEEP_AT_ONCE, Pooling.AVERAGE, (33, 111)),
        (FOUR_STAGES, Pooling.MAX, (33, 111)),
        (BLOCK_BY_BLOCK, Pooling.MAX, (97, 63)),
    ],
)
def test_loss_and_gradient_are_those_of_the_whole_picture(
    tiling: Tiling, pooling: Pooling, size: tuple[int, int]
) -> None:
    assert_exact(tiling, replace(SETTINGS, pooling=pooling), size)


# With the default layers every layer of these small blocks would have a loss.
FEW_LAYERS = replace(SETTINGS, style_layers="relu3_1,relu5_1", content_layers="relu4_1")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("tiling", [MASKS_KEPT, SOME_MASKS_KEPT])
def test_masks_are_all_that_the_gradient_needs(
    tiling: Tiling, pooling: Pooling, size: tuple[int, int]
) -> None:
    assert_exact(tiling, replace(FEW_LAYERS, pooling=pooling), size)


def test_with_masks_only_layers_with_a_loss_are_recomputed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = replace(SETTINGS, style_layers="relu5_1", content_layers="relu5_1")
    regions = [Region([Painting(random_rgb(71, 50, seed=2))])]
    photo = random_rgb(*SIZE, seed=1)
    calls = 0

    def counted(*arguments: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return conv_relu(*arguments)

    monkeypatch.setattr("impasto_daemon.style_transfer.networks.conv_relu.conv_relu", counted)
    counts = {}
    keeping = [replace(stage, keeps_masks=True) for stage in BLOCK_BY_BLOCK]
    for tiling in (BLOCK_BY_BLOCK, keeping):
        network = in_tiles(tiny_vgg(), tiling)
        objective = build_objective(network, photo, regions, settings)
        calls = 0
        variable = photo.clone().requires_grad_()
        loss = objective(variable)
        forward = calls
        torch.autograd.grad(loss, variable)
        counts[tiling[0].keeps_masks] = forward, calls

    (forward, without_masks), (forward_too, with_masks) = counts[False], counts[True]
    assert forward == forward_too
    # relu5_1 of this image is one tile, the last one, which is never recomputed.
    assert without_masks == 2 * forward - 1
    assert with_masks == forward


def painted_regions(height: int, width: int) -> list[Region]:
    """Returns two overlapping regions; one has two paintings, of which one is used in part."""
    mask = random_rgb(height, width, seed=4)[:, :1]
    left = (torch.arange(width) < 0.6 * width).to(mask).expand(1, 1, height, width)
    part = (random_rgb(40, 61, seed=5)[:, :1] > 0.5).double()
    paintings = [
        Painting(random_rgb(40, 61, seed=6), 0.3, part),
        Painting(random_rgb(75, 39, seed=7), 0.7),
    ]
    return [Region(paintings, left), Region([Painting(random_rgb(50, 50, seed=8))], mask)]


@pytest.mark.parametrize("style_loss", StyleLoss)
@pytest.mark.parametrize("with_regions", [False, True])
@pytest.mark.parametrize("tiling", [FOUR_STAGES, DEEP_AT_ONCE, MASKS_KEPT])
def test_every_style_loss_is_that_of_the_whole_image(
    tiling: Tiling, style_loss: StyleLoss, with_regions: bool
) -> None:
    settings = replace(SETTINGS, style_loss=style_loss, content_layers="relu2_1:1,relu4_2:2")
    regions = painted_regions(*SIZE) if with_regions else None

    tiled, at_once = (loss_and_gradient(cut, settings, regions=regions) for cut in (tiling, None))

    # The variances that a small picture does not have are smoothed, and steep.
    assert_same(tiled, at_once, tolerance=1e-9)


@pytest.mark.parametrize("strength", [0.4, 1.3])
@pytest.mark.parametrize("content_loss", ContentLoss)
@pytest.mark.parametrize("with_regions", [False, True])
@pytest.mark.parametrize("tiling", [FOUR_STAGES, MASKS_KEPT])
def test_every_content_loss_is_that_of_the_whole_image(
    tiling: Tiling, content_loss: ContentLoss, with_regions: bool, strength: float
) -> None:
    settings = replace(SETTINGS, content_loss=content_loss, style_strength=strength)
    regions = painted_regions(*SIZE) if with_regions else None

    tiled, at_once = (loss_and_gradient(cut, settings, regions=regions) for cut in (tiling, None))

    assert_same(tiled, at_once, tolerance=1e-9)


@pytest.mark.parametrize("content_loss", ContentLoss)
def test_tileable_loss_is_that_of_the_whole_image(content_loss: ContentLoss) -> None:
    settings = replace(SETTINGS, content_loss=content_loss, style_strength=0.4, tileable=True)
    tiling = [Stage((1, 2), 200), Stage((3, 4, 5), 30)]

    tiled, at_once = (
        loss_and_gradient(cut, settings, (48, 32), painted_regions(48, 32))
        for cut in (tiling, None)
    )

    assert_same(tiled, at_once, tolerance=1e-9)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("layers", ["relu5_1", "relu3_1", "relu1_1", "relu2_1,relu4_1,relu5_1"])
@pytest.mark.parametrize("tiling", [FOUR_STAGES, MASKS_KEPT])
def test_stages_without_a_loss_pass_the_gradient_on(
    tiling: Tiling, mode: Mode, layers: str
) -> None:
    settings = replace(SETTINGS, mode=mode, style_layers=layers, content_layers=layers)

    tiled, at_once = (loss_and_gradient(cut, settings) for cut in (tiling, None))

    assert_same(tiled, at_once)


@pytest.mark.parametrize("tiling", [FOUR_STAGES, MASKS_KEPT])
def test_equal_activations_are_pooled_as_in_the_whole_image(tiling: Tiling) -> None:
    settings = replace(SETTINGS, style_loss=StyleLoss.GRAM)
    # Max pooling takes one of equal activations: which one must not depend on the tiles. Here
    # every activation is one of the colours, without rounding.
    taps = []
    for convolution in tiny_convolutions():
        weight = torch.zeros_like(convolution.weight)
        for output in range(len(weight)):
            weight[output, output % weight.shape[1], output % 3, output // 3] = 1
        taps.append(Convolution(weight, torch.zeros_like(convolution.bias)))
    network = VGG(taps, TINY_BLOCKS, pooling=Pooling.MAX)
    striped = 0.6 + 0.3 * (torch.arange(64) // 8 % 2).double().expand(1, 3, 64, 64)
    regions = [Region([Painting(random_rgb(50, 50, seed=2))])]

    tiled, at_once = (
        build_objective(in_tiles(network, cut), striped.mT, regions, settings).loss_and_gradient(
            striped
        )[1]
        for cut in (tiling, None)
    )

    torch.testing.assert_close(tiled, at_once, rtol=0, atol=1e-11 * at_once.abs().max().item())


@pytest.mark.parametrize(
    ("keeps_masks", "style_layers"),
    [(False, "relu1_1,relu1_2,relu2_1"), (True, "relu1_1,relu2_1"), (True, "relu2_1")],
)
def test_layers_wide_enough_for_winograd_agree_to_rounding(
    keeps_masks: bool, style_layers: str
) -> None:
    generator = torch.Generator().manual_seed(4)
    wide = [
        Convolution(
            torch.randn(128, channels, 3, 3, generator=generator) * (2 / (9 * channels)) ** 0.5,
            0.1 * torch.randn(128, generator=generator),
        )
        for channels in (3, 128, 128)
    ]
    network = VGG(wide, (2, 1), pooling=Pooling.AVERAGE)
    settings = replace(SETTINGS, style_layers=style_layers, content_layers="relu2_1")
    tiling = [Stage((1,), 40, keeps_masks), Stage((2,), 20)]

    (loss, gradient), (loss_at_once, gradient_at_once) = (
        loss_and_gradient(cut, settings, network=network, dtype=torch.float32)
        for cut in (tiling, None)
    )

    torch.testing.assert_close(loss, loss_at_once, rtol=1e-5, atol=0)
    # An activation that is nothing but rounding passes a gradient on in one of the two only.
    assert (gradient - gradient_at_once).norm() < 1e-3 * gradient_at_once.norm()


@pytest.mark.parametrize("tiling", [FOUR_STAGES, [*MASKS_KEPT[:4], Stage((5,), 2)]])
def test_interrupt_ends_the_work_before_any_layer(tiling: Tiling) -> None:
    photo = random_rgb(40, 40, seed=1)
    regions = [Region([Painting(random_rgb(40, 40, seed=2))])]
    network = in_tiles(tiny_vgg(), tiling)
    objective = build_objective(network, photo, regions, SETTINGS)

    def calls_until(limit: int | None) -> int:
        fuse = Fuse(limit)
        with network.interrupted_by(fuse):
            try:
                objective.loss_and_gradient(photo)
            except Burnt:
                assert fuse.calls == limit
        return fuse.calls

    forward = Fuse(None)
    with network.interrupted_by(forward), torch.no_grad():
        objective(photo)
    assert forward.calls > len(tiny_convolutions())
    # Forward once; then forward again, all but the last tile with its one layer, and backward.
    calls = calls_until(None)
    assert calls == 3 * forward.calls - 1
    assert [calls_until(limit) for limit in range(1, calls + 1, 7)] == list(range(1, calls + 1, 7))
