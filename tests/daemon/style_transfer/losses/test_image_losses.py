import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.losses.image_losses import (
    OutOfRangeLoss,
    TotalVariationLoss,
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
LOSSES = [TotalVariationLoss(3.0), OutOfRangeLoss(3.0)]
WHOLE = [total_variation, out_of_range]


@pytest.mark.parametrize(("loss", "function"), list(zip(LOSSES, WHOLE, strict=True)))
def test_loss_is_the_weighted_function_of_the_image(loss: Loss, function: object) -> None:
    statistic = loss.measure.statistic(IMAGE, Crop.full(IMAGE))

    assert callable(function)
    assert loss(statistic).item() == pytest.approx(3 * function(IMAGE).item(), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_crops_add_up_to_the_image(loss: Loss) -> None:
    whole = loss.measure.statistic(IMAGE, Crop.full(IMAGE))

    # A crop of the image comes with the row below and the column to the right.
    parts = [loss.measure.statistic(crop.with_next.cut(IMAGE), crop) for crop in QUARTERS]

    total = torch.stack([part for (part,) in parts]).sum()
    torch.testing.assert_close(total, whole[0], rtol=1e-12, atol=0)
