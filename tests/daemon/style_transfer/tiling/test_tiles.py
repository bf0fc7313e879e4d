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
from impasto_daemon.style_transfer.losses.objective import measure_targets
from impasto_daemon.style_transfer.networks.conv_relu import convolve_rectified
from impasto_daemon.style_transfer.networks.vgg import VGG, Convolution, layer_names
from impasto_daemon.style_transfer.planning.memory_plan import Stage, Tiling
from impasto_daemon.style_transfer.tiling.tiles import PICTURE, Place, look
from impasto_shared.settings import Mode, Pooling, StyleLoss, StyleSettings

SETTINGS = StyleSettings(style_strength=1.3, smoothness=3)
LAYERS = [*layer_names(TINY_BLOCKS), PICTURE]
ONE_STAGE = [Stage((1, 2, 3, 4, 5), 48)]
TWO_STAGES = [Stage((1, 2, 3), 24), Stage((4, 5), 3)]
FOUR_STAGES = [Stage((1, 2), 20), Stage((3,), 9), Stage((4,), 5), Stage((5,), 2)]
DEEP_AT_ONCE = [Stage((1, 2), 20), Stage((3, 4, 5), None)]
BLOCK_BY_BLOCK = [Stage((block,), 7) for block in (1, 2, 3, 4, 5)]
GATES_KEPT = [Stage((block,), 7, keeps_gates=True) for block in (1, 2, 3, 4, 5)]
SOME_GATES_KEPT = [
    Stage((1,), 15, keeps_gates=True),
    Stage((2, 3), 20),
    Stage((4,), 5, keeps_gates=True),
    Stage((5,), None),
]
TILINGS = [ONE_STAGE, TWO_STAGES, FOUR_STAGES, DEEP_AT_ONCE, BLOCK_BY_BLOCK]
# Sides of an even number of tiles, odd ones, and such as leave something over at every pooling.
SIZES = [(64, 64), (97, 63), (33, 111)]


def ignore() -> None:
    """Lets every layer pass."""


def loss_and_slope(
    tiling: Tiling | None,
    settings: StyleSettings,
    size: tuple[int, int] = (97, 63),
    regions: Sequence[Region] | None = None,
    network: VGG | None = None,
    dtype: torch.dtype = torch.float64,
) -> tuple[Tensor, Tensor]:
    """Those of a picture with some colours out of range."""
    photo = random_rgb(*size, seed=1, dtype=dtype)
    regions = regions or [Region([Painting(random_rgb(71, 50, seed=2, dtype=dtype))])]
    network = network or tiny_vgg(settings.pooling)
    objective = measure_targets(network, photo, regions, settings, ignore, tiling)
    rgb = (1.2 * random_rgb(*size, seed=3, dtype=dtype) - 0.1).requires_grad_()
    loss = objective(rgb, ignore)
    (slope,) = torch.autograd.grad(loss, rgb)
    return loss.detach(), slope


def assert_same(
    found: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor], tolerance: float = 1e-11
) -> None:
    torch.testing.assert_close(found[0], wanted[0], rtol=tolerance, atol=0)
    largest = wanted[1].abs().max().item()
    assert largest > 0
    torch.testing.assert_close(found[1], wanted[1], rtol=0, atol=tolerance * largest)


def assert_as_whole(tiling: Tiling, settings: StyleSettings, size: tuple[int, int]) -> None:
    found, wanted = (loss_and_slope(cut, settings, size) for cut in (tiling, None))
    assert_same(found, wanted)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tiling", TILINGS)
def test_every_position_is_shown_once_and_as_it_is_in_the_whole(
    tiling: Tiling, size: tuple[int, int]
) -> None:
    rgb = random_rgb(*size, seed=1)
    whole: dict[str, Tensor] = {}
    seen: dict[str, Tensor] = {}
    counts: dict[str, Tensor] = {}

    def visit(layer: str, activation: Tensor, place: Place) -> None:
        shape = (activation.shape[1], place.height, place.width)
        place.of(seen.setdefault(layer, torch.zeros(shape, dtype=torch.float64))).copy_(
            activation[
                0,
                :,
                : place.rows.stop - place.rows.start,
                : place.columns.stop - place.columns.start,
            ]
        )
        place.of(counts.setdefault(layer, torch.zeros(shape))).add_(1)

    look(tiny_vgg(), rgb, LAYERS, lambda name, shown, _: whole.update({name: shown}), ignore)
    with torch.no_grad():
        look(tiny_vgg(), rgb, LAYERS, visit, ignore, tiling)

    assert set(seen) == set(LAYERS)
    for layer in LAYERS:
        assert (counts[layer] == 1).all()
        torch.testing.assert_close(seen[layer], whole[layer][0], rtol=1e-12, atol=1e-12)


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
def test_loss_and_slope_are_those_of_the_whole_picture(
    tiling: Tiling, pooling: Pooling, size: tuple[int, int]
) -> None:
    assert_as_whole(tiling, replace(SETTINGS, pooling=pooling), size)


# Of blocks with so few layers the default ones leave none that is not looked at.
FEW_LAYERS = replace(SETTINGS, style_layers="relu3_1,relu5_1", content_layers="relu4_1")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("tiling", [GATES_KEPT, SOME_GATES_KEPT])
def test_gates_are_all_that_slopes_need(
    tiling: Tiling, pooling: Pooling, size: tuple[int, int]
) -> None:
    assert_as_whole(tiling, replace(FEW_LAYERS, pooling=pooling), size)


def test_with_gates_only_what_is_looked_at_is_run_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(SETTINGS, style_layers="relu5_1", content_layers="relu5_1")
    regions = [Region([Painting(random_rgb(71, 50, seed=2))])]
    calls = 0

    def counted(*arguments: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return convolve_rectified(*arguments)

    monkeypatch.setattr("impasto_daemon.style_transfer.networks.vgg.convolve_rectified", counted)
    counts = {}
    for tiling in (BLOCK_BY_BLOCK, GATES_KEPT):
        photo = random_rgb(97, 63, seed=1).requires_grad_()
        objective = measure_targets(tiny_vgg(), photo, regions, settings, ignore, tiling)
        calls = 0
        loss = objective(photo, ignore)
        forwards = calls
        torch.autograd.grad(loss, photo)
        counts[tiling[0].keeps_gates] = forwards, calls

    (forwards, without_gates), (forwards_too, with_gates) = counts[False], counts[True]
    assert forwards == forwards_too
    # relu5_1 of this picture is one tile, the last one, which is never run anew.
    assert without_gates == 2 * forwards - 1
    assert with_gates == forwards


def painted_regions(height: int, width: int) -> list[Region]:
    """Two regions that overlap, one of them with two paintings of which one has a part."""
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
@pytest.mark.parametrize("tiling", [FOUR_STAGES, DEEP_AT_ONCE, GATES_KEPT])
def test_every_loss_is_that_of_the_whole_picture(
    tiling: Tiling, style_loss: StyleLoss, with_regions: bool
) -> None:
    settings = replace(SETTINGS, style_loss=style_loss, content_layers="relu2_1:1,relu4_2:2")
    regions = painted_regions(97, 63) if with_regions else None

    found, wanted = (loss_and_slope(cut, settings, regions=regions) for cut in (tiling, None))

    # The variances that a small picture does not have are smoothed, and steep.
    assert_same(found, wanted, tolerance=1e-9)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("layers", ["relu5_1", "relu3_1", "relu1_1", "relu2_1,relu4_1,relu5_1"])
@pytest.mark.parametrize("tiling", [FOUR_STAGES, GATES_KEPT])
def test_stages_without_a_loss_of_their_own_hand_on_the_slope(
    tiling: Tiling, mode: Mode, layers: str
) -> None:
    settings = replace(SETTINGS, mode=mode, style_layers=layers, content_layers=layers)

    found, wanted = (loss_and_slope(cut, settings) for cut in (tiling, None))

    assert_same(found, wanted)


@pytest.mark.parametrize("tiling", [FOUR_STAGES, GATES_KEPT])
def test_equal_activations_are_pooled_as_in_the_whole_picture(tiling: Tiling) -> None:
    settings = replace(SETTINGS, style_loss=StyleLoss.GRAM)
    # Of equal activations maximum pooling takes one: which, must not depend on the tiles. Here
    # every activation is one of the colours, without rounding.
    taps = []
    for made in tiny_convolutions():
        weight = torch.zeros_like(made.weight)
        for given in range(len(weight)):
            weight[given, given % weight.shape[1], given % 3, given // 3] = 1
        taps.append(Convolution(weight, torch.zeros_like(made.bias)))
    network = VGG(taps, TINY_BLOCKS, pooling=Pooling.MAX)
    striped = 0.6 + 0.3 * (torch.arange(64) // 8 % 2).double().expand(1, 3, 64, 64)
    slopes = []
    for cut in (tiling, None):
        regions = [Region([Painting(random_rgb(50, 50, seed=2))])]
        objective = measure_targets(network, striped.mT, regions, settings, ignore, cut)
        rgb = striped.clone().requires_grad_()
        slopes.append(torch.autograd.grad(objective(rgb, ignore), rgb)[0])

    torch.testing.assert_close(*slopes, rtol=0, atol=1e-11 * slopes[1].abs().max().item())


@pytest.mark.parametrize(
    ("keeps_gates", "style_layers"),
    [(False, "relu1_1,relu1_2,relu2_1"), (True, "relu1_1,relu2_1"), (True, "relu2_1")],
)
def test_layers_wide_enough_for_winograd_agree_to_rounding(
    keeps_gates: bool, style_layers: str
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
    tiling = [Stage((1,), 40, keeps_gates), Stage((2,), 20)]

    (loss, slope), (wanted_loss, wanted_slope) = (
        loss_and_slope(cut, settings, network=network, dtype=torch.float32)
        for cut in (tiling, None)
    )

    torch.testing.assert_close(loss, wanted_loss, rtol=1e-5, atol=0)
    # An activation that is nothing but rounding passes a slope on in one of the two only.
    assert (slope - wanted_slope).norm() < 1e-3 * wanted_slope.norm()


@pytest.mark.parametrize("tiling", [FOUR_STAGES, [*GATES_KEPT[:4], Stage((5,), 2)]])
def test_error_before_a_layer_ends_the_work_at_every_place(tiling: Tiling) -> None:
    photo = random_rgb(40, 40, seed=1)
    regions = [Region([Painting(random_rgb(40, 40, seed=2))])]
    objective = measure_targets(tiny_vgg(), photo, regions, SETTINGS, ignore, tiling)

    def calls_until(limit: int | None) -> int:
        fuse, rgb = Fuse(limit), photo.clone().requires_grad_()
        try:
            torch.autograd.grad(objective(rgb, fuse), rgb)
        except Burnt:
            assert fuse.calls == limit
        return fuse.calls

    forwards = Fuse(None)
    objective(photo, forwards)
    assert forwards.calls > len(tiny_convolutions())
    # Forwards once; then forwards again, all but the last tile with its one layer, and backwards.
    calls = calls_until(None)
    assert calls == 3 * forwards.calls - 1
    assert [calls_until(limit) for limit in range(1, calls + 1, 7)] == list(range(1, calls + 1, 7))
