import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.networks.crops import Crop, Interval
from impasto_daemon.style_transfer.networks.statistics import (
    Measure,
    Statistic,
    StatisticSums,
    measures_backward,
)

ACTIVATION = random_rgb(6, 10, seed=1)
FULL = Crop.full(ACTIVATION)
HALVES = [
    Crop(Interval(0, 6), Interval(0, 4), 6, 10),
    Crop(Interval(0, 6), Interval(4, 10), 6, 10),
]


class Power(Measure):
    """The mean of a power of the activations, and that of their negatives."""

    def __init__(self, exponent: int) -> None:
        self._exponent = exponent

    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        mean = crop.fraction * activation.pow(self._exponent).mean()
        return mean, -mean


MEASURES = [Power(1), Power(3)]


def test_sums_of_crops_are_the_statistics_of_the_layer() -> None:
    sums = StatisticSums({"relu1_1": MEASURES})

    for crop in HALVES:
        sums.add("relu1_1", crop.cut(ACTIVATION), crop)

    expected = [measure.statistic(ACTIVATION, FULL) for measure in MEASURES]
    torch.testing.assert_close(sums.totals["relu1_1"], expected)


def test_backward_of_several_measures_is_the_sum_of_each() -> None:
    gradients: list[Statistic] = [
        (torch.tensor(2.0).double(), torch.tensor(0.5).double()),
        (torch.tensor(-1.0).double(), torch.tensor(3.0).double()),
    ]

    together = measures_backward(MEASURES, ACTIVATION, FULL, gradients)

    each = [
        measures_backward([measure], ACTIVATION, FULL, [gradient])
        for measure, gradient in zip(MEASURES, gradients, strict=True)
    ]
    torch.testing.assert_close(together, each[0] + each[1])
    expected = (1.5 - 4 * 3 * ACTIVATION.square()) / ACTIVATION.numel()
    torch.testing.assert_close(together, expected)
