import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.losses.image_losses import (
    ImageLoss,
    chroma,
    chroma_variation,
    out_of_range,
    total_variation,
)
from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.networks.crops import Crop, Interval

IMAGE = 1.4 * random_rgb(9, 12, seed=1) - 0.2
QUARTERS = [
    Crop(rows, columns, 9, 12)
    for rows in (Interval(0, 5), Interval(5, 9))
    for columns in (Interval(0, 7), Interval(7, 12))
]
FUNCTIONS = [total_variation, chroma_variation, out_of_range]


Function = Callable[[Tensor, Crop | None], Tensor]


def sum_of_quarters(loss: Loss) -> float:
    # A crop of the image comes with the row below and the column to the right.
    statistics = [loss.measure.statistic(crop.with_next.cut(IMAGE), crop) for crop in QUARTERS]
    return torch.stack([part for (part,) in statistics]).sum().item()


def test_total_variation_is_the_mean_square_of_steps_across_plus_that_of_steps_down() -> None:
    plane = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 2.0]])

    across, down = (1 + 4 + 0 + 0) / 4, (4 + 1 + 1) / 3
    for planes in (1, 3):
        rgb = plane.expand(1, planes, 2, 3)
        assert total_variation(rgb).item() == pytest.approx(across + down)


def test_colour_costs_the_square_of_what_is_below_0_or_above_1() -> None:
    rgb = torch.tensor([[-0.5, 0.5, 1.25], [0.0, 1.0, 3.0]]).expand(1, 3, 2, 3)

    assert out_of_range(rgb).item() == pytest.approx((0.25 + 0.0625 + 4) / 6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_loss_is_the_weighted_function_of_the_image(function: Function) -> None:
    loss = ImageLoss(function, 3.0)
    statistic = loss.measure.statistic(IMAGE, Crop.full(IMAGE))

    assert loss(statistic).item() == pytest.approx(3 * function(IMAGE, None).item(), rel=1e-12)


@pytest.mark.parametrize("margin", [0, 1, 3])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_crops_add_up_to_the_image(function: Function, margin: int) -> None:
    loss = ImageLoss(function, 3.0, margin)

    (whole,) = loss.measure.statistic(IMAGE, Crop.full(IMAGE))

    assert sum_of_quarters(loss) == pytest.approx(whole.item(), rel=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_pattern_costs_the_same_from_wherever_it_begins(function: Function) -> None:
    loss = ImageLoss(function, 3.0, margin=2)

    def statistic_of(rgb: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(rgb, (2, 2, 2, 2), mode="circular")
        return loss.measure.statistic(padded, Crop.full(padded))[0]

    shifted = IMAGE.roll((4, 5), (2, 3))

    torch.testing.assert_close(statistic_of(shifted), statistic_of(IMAGE), rtol=1e-12, atol=0)


def test_chroma_is_all_of_a_colour_but_its_grey() -> None:
    grey = IMAGE.sum(1) / math.sqrt(3)

    squares = chroma(IMAGE).square().sum(1) + grey.square()

    torch.testing.assert_close(squares, IMAGE.square().sum(1), rtol=1e-12, atol=0)


def test_grey_has_no_chroma_and_so_no_variation_of_it() -> None:
    grey = IMAGE[:, :1].expand(-1, 3, -1, -1)

    assert total_variation(grey).item() > 0.1
    assert chroma_variation(grey).item() == pytest.approx(0, abs=1e-12)
