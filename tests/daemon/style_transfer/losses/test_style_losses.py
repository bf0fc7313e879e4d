from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from daemon.style_transfer.reading import gram_matrix
from impasto_daemon.style_transfer.losses.moments import (
    Features,
    Moments,
    blend,
    moments,
)
from impasto_daemon.style_transfer.losses.style_losses import STYLE_LOSSES
from impasto_daemon.style_transfer.networks.statistics import Statistic
from impasto_shared.settings import StyleLoss

Numbers = NDArray[np.float64]
Kernel = Callable[[Numbers, Numbers], Numbers]


def activation(seed: int, height: int = 4, width: int = 5, shift: float = 0.0) -> Tensor:
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.normal(loc=0.3 + shift, size=(1, 6, height, width)))


@dataclass(frozen=True)
class Seen:
    """The activations of an image at a layer, their weights, and its share among others."""

    activation: Tensor
    weights: Tensor | None = None
    share: float = 1.0


def distance_from(name: StyleLoss, paintings: Sequence[Seen]) -> Callable[[Seen], Tensor]:
    def blended(features: Features) -> Statistic:
        statistics = [features(each.activation, each.weights) for each in paintings]
        return blend([each.share for each in paintings], statistics)

    layer_loss = STYLE_LOSSES[name]
    features = layer_loss.features(Moments(*blended(moments)))
    loss = layer_loss(blended(features))
    return lambda image: loss(features(image.activation, image.weights))


PAINTING = activation(1)
PICTURE = activation(2, 3, 7, shift=0.4)


def positions(of: Tensor) -> Numbers:
    numbers: Numbers = of.squeeze(0).flatten(1).T.numpy()
    return numbers


def mmd_squared(x: Numbers, y: Numbers, kernel: Kernel) -> float:
    """Returns the biased estimate over all pairs of positions (Li et al. 2017, equation 5)."""
    return float(kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean())


def gaussian(width: float) -> Kernel:
    def kernel(x: Numbers, y: Numbers) -> Numbers:
        squared = ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2)
        similar: Numbers = np.exp(-squared / width)
        return similar

    return kernel


def test_gram_loss_is_mmd_with_the_second_order_polynomial_kernel() -> None:
    # The theorem of Li et al. 2017 (section 4.1), over the size of the target.
    x, y = positions(PICTURE), positions(PAINTING)
    expected = mmd_squared(x, y, lambda one, other: (one @ other.T) ** 2)
    size = gram_matrix(PAINTING).square().sum().item()

    loss = distance_from(StyleLoss.GRAM, [Seen(PAINTING)])(Seen(PICTURE)).item()

    assert loss * size == pytest.approx(expected, rel=1e-12)


def test_linear_mmd_is_that_of_all_pairs() -> None:
    x, y = positions(PICTURE), positions(PAINTING)
    expected = mmd_squared(x, y, lambda one, other: one @ other.T)

    loss = distance_from(StyleLoss.MMD_LINEAR, [Seen(PAINTING)])(Seen(PICTURE)).item()

    assert loss * (y.mean(axis=0) ** 2).sum() == pytest.approx(expected, rel=1e-12)


def test_polynomial_mmd_is_that_of_all_pairs() -> None:
    x, y = positions(PICTURE), positions(PAINTING)
    offset = (y**2).sum(axis=1).mean()

    def kernel(one: Numbers, other: Numbers) -> Numbers:
        values: Numbers = (one @ other.T + offset) ** 2
        return values

    unit = mmd_squared(np.zeros_like(x), y, kernel)

    loss = distance_from(StyleLoss.MMD_POLYNOMIAL, [Seen(PAINTING)])(Seen(PICTURE)).item()

    assert loss * unit == pytest.approx(mmd_squared(x, y, kernel), rel=1e-12)


def test_gaussian_mmd_estimates_that_of_all_pairs() -> None:
    painting, picture = activation(3, 60, 60), activation(4, 60, 50, shift=0.5)
    x, y = positions(picture), positions(painting)
    width = ((y[:1800] - y[1800:]) ** 2).sum(axis=1).mean()

    estimate = distance_from(StyleLoss.MMD_GAUSSIAN, [Seen(painting)])(Seen(picture)).item()

    assert estimate == pytest.approx(mmd_squared(x, y, gaussian(width)), rel=0.2)


def test_batch_norm_loss_compares_means_and_deviations() -> None:
    x, y = positions(PICTURE), positions(PAINTING)
    means = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    deviations = ((x.std(axis=0) - y.std(axis=0)) ** 2).sum()

    loss = distance_from(StyleLoss.BATCH_NORM, [Seen(PAINTING)])(Seen(PICTURE)).item()

    unit = (y**2).sum(axis=1).mean()
    assert loss == pytest.approx((means + deviations) / unit, rel=1e-10)


@pytest.mark.parametrize("name", StyleLoss)
def test_loss_is_nothing_at_the_painting_and_something_elsewhere(name: StyleLoss) -> None:
    painting = activation(5, 160, 90)
    distance = distance_from(name, [Seen(painting)])

    at_painting = distance(Seen(painting)).item()

    # What is drawn at random, or smoothed, is only nearly nothing.
    assert at_painting == pytest.approx(0, abs=5e-3)
    assert distance(Seen(activation(6, 160, 90, shift=0.5))).item() > 20 * abs(at_painting)


@pytest.mark.parametrize("name", StyleLoss)
def test_loss_forgets_the_scale_of_a_network(name: StyleLoss) -> None:
    loss = distance_from(name, [Seen(PAINTING)])(Seen(PICTURE))

    scaled = distance_from(name, [Seen(1000 * PAINTING)])(Seen(1000 * PICTURE))

    torch.testing.assert_close(scaled, loss, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in StyleLoss if name != StyleLoss.MMD_GAUSSIAN])
def test_loss_forgets_how_often_a_texture_repeats(name: StyleLoss) -> None:
    distance = distance_from(name, [Seen(PAINTING)])

    torch.testing.assert_close(distance(Seen(PICTURE.repeat(1, 1, 2, 3))), distance(Seen(PICTURE)))


@pytest.mark.parametrize("name", StyleLoss)
def test_loss_of_activations_of_nothing_is_finite(name: StyleLoss) -> None:
    nothing = torch.zeros(1, 6, 4, 4, dtype=torch.float64)

    assert distance_from(name, [Seen(nothing)])(Seen(nothing)).isfinite()
    assert distance_from(name, [Seen(PAINTING)])(Seen(nothing)).isfinite()


TWO = [Seen(PAINTING, share=0.25), Seen(activation(7, 5, 5, shift=1.0), share=0.75)]
MOMENT_LOSSES = [name for name in StyleLoss if name != StyleLoss.MMD_GAUSSIAN]


@pytest.mark.parametrize("name", MOMENT_LOSSES)
def test_blend_of_paintings_is_one_distribution(name: StyleLoss) -> None:
    # One part of the first painting and three of the second, position by position.
    first, second = (each.activation.flatten(2) for each in TWO)
    together = torch.cat([first.repeat(1, 1, 5), second.repeat(1, 1, 12)], dim=2).unsqueeze(2)

    blended, whole = distance_from(name, TWO), distance_from(name, [Seen(together)])

    torch.testing.assert_close(blended(Seen(PICTURE)), whole(Seen(PICTURE)))


@pytest.mark.parametrize("name", MOMENT_LOSSES)
def test_guide_leaves_only_a_part_to_be_compared(name: StyleLoss) -> None:
    left = torch.zeros(4, 5, dtype=torch.float64)
    left[:, :2] = 1 / 8
    part = PAINTING[..., :2]
    distance = distance_from(name, [Seen(PAINTING, left.flatten())])

    torch.testing.assert_close(
        distance(Seen(PICTURE)), distance_from(name, [Seen(part)])(Seen(PICTURE))
    )
    assert distance(Seen(PAINTING, left.flatten())).item() == pytest.approx(0, abs=5e-3)


def test_gaussian_mmd_of_a_blend_estimates_that_of_all_pairs() -> None:
    one, other = activation(8, 60, 60), activation(9, 70, 70, shift=0.7)
    picture = activation(10, 60, 50, shift=1.5)
    counts = torch.zeros(60, 50, dtype=torch.float64)
    counts[:, :25] = 1 / 1500
    x = positions(picture[..., :25])
    y = np.concatenate([positions(one)[:1000], positions(other)[:1000]])
    width = ((y[np.random.default_rng(0).permutation(2000)] - y) ** 2).sum(axis=1).mean()

    distance = distance_from(StyleLoss.MMD_GAUSSIAN, [Seen(one, share=0.5), Seen(other, share=0.5)])
    estimate = distance(Seen(picture, counts.flatten())).item()

    assert estimate == pytest.approx(mmd_squared(x, y, gaussian(width)), rel=0.25)
