import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.objective import build_objective
from impasto_daemon.style_transfer.losses.temporal import (
    TEMPORAL_WEIGHT,
    FormerFrame,
    temporal_loss,
)
from impasto_daemon.style_transfer.networks.crops import Crop, Interval
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.planning.layouts import Stage
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork
from impasto_shared.settings import StyleSettings

SIZE = (97, 63)
PHOTO = random_rgb(*SIZE, seed=1)
FRAME = random_rgb(*SIZE, seed=2)
FORMER = FormerFrame(random_rgb(*SIZE, seed=3), random_rgb(*SIZE, seed=4)[:, :1])


def loss_and_gradient(network: Network, former: FormerFrame | None) -> tuple[Tensor, Tensor]:
    regions = [Region([Painting(random_rgb(71, 50, seed=5))])]
    objective = build_objective(network, PHOTO, regions, StyleSettings(), former=former)
    return objective.loss_and_gradient(FRAME)


def test_distance_of_known_pixels() -> None:
    rgb = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    former = FormerFrame(rgb + 0.5, torch.tensor([[[[1.0, 0.5], [0.0, 0.0]]]]))

    # Of four pixels one counts, and one by half.
    assert former.distance(rgb).item() == pytest.approx(0.5**2 * 1.5 / 4)


def test_loss_is_equation_7_with_its_weight() -> None:
    (statistic,) = temporal_loss(FORMER).measure.statistic(FRAME, Crop.full(FRAME))
    squares = FORMER.trust * (FRAME - FORMER.rgb) ** 2

    expected = TEMPORAL_WEIGHT * squares.sum() / FRAME.numel()

    assert temporal_loss(FORMER)((statistic,)).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("margin", [0, 3])
def test_crops_add_up_to_the_frame(margin: int) -> None:
    # The frame before has no margin: it is cut at the positions of the interior.
    loss = temporal_loss(FORMER, margin)
    frame = torch.nn.functional.pad(FRAME, (margin,) * 4, mode="circular")
    height, width = frame.shape[2:]
    crops = [
        Crop(rows, columns, height, width)
        for rows in (Interval(0, 40), Interval(40, height))
        for columns in (Interval(0, 33), Interval(33, width))
    ]

    (whole,) = loss.measure.statistic(frame, Crop.full(frame))
    parts = [loss.measure.statistic(crop.with_next.cut(frame), crop)[0] for crop in crops]

    assert torch.stack(parts).sum().item() == pytest.approx(whole.item(), rel=1e-12)
    assert whole.item() == pytest.approx(FORMER.distance(FRAME).item(), rel=1e-12)


def test_gradient_passes_gradcheck() -> None:
    rgb = random_rgb(5, 7, seed=1).requires_grad_()
    former = FormerFrame(random_rgb(5, 7, seed=2), random_rgb(5, 7, seed=3)[:, :1])

    assert torch.autograd.gradcheck(former.distance, (rgb,))


def test_tiles_have_the_numbers_of_the_whole_frame() -> None:
    network = tiny_vgg()
    tiled = TiledNetwork(network, [Stage((1, 2, 3), 24), Stage((4, 5), 3)])

    loss, gradient = loss_and_gradient(network, FORMER)
    of_tiles, gradient_of_tiles = loss_and_gradient(tiled, FORMER)
    without, _ = loss_and_gradient(network, None)

    largest = gradient.abs().max().item()
    torch.testing.assert_close(of_tiles, loss, rtol=1e-11, atol=0)
    torch.testing.assert_close(gradient_of_tiles, gradient, rtol=0, atol=1e-11 * largest)
    temporal = TEMPORAL_WEIGHT * FORMER.distance(FRAME).item()
    assert (loss - without).item() == pytest.approx(temporal, rel=1e-9)


def test_frame_at_a_scale_is_trusted_as_its_pixels_are() -> None:
    trust = torch.zeros(1, 1, 4, 4)
    trust[:, :, :2, :2] = 1
    trust[:, :, 0, 2] = 1

    reduced = FormerFrame(torch.full((1, 3, 4, 4), 0.25), trust).resized(2, 2)

    assert reduced.trust.flatten().tolist() == [1, 0.25, 0, 0]
    torch.testing.assert_close(reduced.rgb, torch.full((1, 3, 2, 2), 0.25))
