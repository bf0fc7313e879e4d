import gc
import weakref

import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from impasto_daemon.style_transfer.losses.guides import (
    DetailGuide,
    GuidedMeasure,
    MaskGuide,
    guide_at,
)
from impasto_daemon.style_transfer.losses.moments import Moments, moments
from impasto_daemon.style_transfer.losses.style_losses import RandomCosines
from impasto_daemon.style_transfer.networks.crops import Crop, Interval
from impasto_daemon.style_transfer.networks.statistics import Statistic

ACTIVATION = random_rgb(8, 10, seed=1)
MASK = random_rgb(8, 10, seed=2)[:, :1]
HALVES = [
    Crop(Interval(0, 8), Interval(0, 4), 8, 10),
    Crop(Interval(0, 8), Interval(4, 10), 8, 10),
]
FEATURES = [moments, RandomCosines(moments(ACTIVATION))]


def guided(features: object, mask: torch.Tensor | None) -> GuidedMeasure:
    return GuidedMeasure(features, guide_at(tiny_vgg(), "relu1_1", mask))  # type: ignore[arg-type]


def test_weights_add_up_to_one() -> None:
    guide = guide_at(tiny_vgg(), "relu1_1", MASK)

    assert guide is not None
    assert guide.weights(8, 10).sum().item() == pytest.approx(1)


def test_guided_moments_are_weighted_means() -> None:
    mean, _ = guided(moments, MASK).statistic(ACTIVATION, Crop.full(ACTIVATION))

    expected = (ACTIVATION * MASK).sum(dim=(0, 2, 3)) / MASK.sum()
    torch.testing.assert_close(mean, expected)


@pytest.mark.parametrize("mask", [None, MASK], ids=["everywhere", "guided"])
@pytest.mark.parametrize("features", FEATURES, ids=["moments", "cosines"])
def test_crops_add_up_to_the_layer(features: object, mask: torch.Tensor | None) -> None:
    measure = guided(features, mask)
    whole = measure.statistic(ACTIVATION, Crop.full(ACTIVATION))

    left, right = (measure.statistic(crop.cut(ACTIVATION), crop) for crop in HALVES)

    for total, *parts in zip(whole, left, right, strict=True):
        torch.testing.assert_close(sum(parts), total)


@pytest.mark.parametrize("mask", [None, MASK], ids=["everywhere", "guided"])
@pytest.mark.parametrize("features", FEATURES, ids=["moments", "cosines"])
@pytest.mark.parametrize("crop", [Crop.full(ACTIVATION), HALVES[1]], ids=["layer", "crop"])
def test_backward_is_autograds(crop: Crop, features: object, mask: torch.Tensor | None) -> None:
    measure = guided(features, mask)
    variable = crop.cut(ACTIVATION).clone().requires_grad_()
    statistic = measure.statistic(variable, crop)
    gradient: Statistic = tuple(torch.rand_like(mean) for mean in statistic)

    result = measure.backward(variable.detach(), crop, gradient)

    torch.testing.assert_close(result, torch.autograd.grad(statistic, variable, gradient)[0])


def test_weights_are_freed_with_their_guide() -> None:
    guide = guide_at(tiny_vgg(), "relu1_1", MASK)
    assert guide is not None
    weights = weakref.ref(guide.weights(8, 10))

    gc.disable()  # a cycle of references would wait for it
    try:
        del guide
        assert weights() is None
    finally:
        gc.enable()


def test_layer_without_mask_has_no_guide() -> None:
    assert guide_at(tiny_vgg(), "relu1_1", None) is None
    assert isinstance(guided(moments, None).statistic(ACTIVATION, Crop.full(ACTIVATION)), Moments)


def test_detail_of_the_photo_counts_and_flat_areas_do_not() -> None:
    activation = torch.ones(1, 2, 12, 12, dtype=torch.float64)
    activation[..., 8:] = random_rgb(12, 4, seed=4)[:, :2]

    weights = DetailGuide(activation, None).weights(12, 12)

    assert weights.sum().item() == pytest.approx(1)
    assert weights[..., :5].sum() < 1e-6
    assert weights[..., 8:].min() > 1e-4


def test_detail_counts_within_its_area_alone() -> None:
    activation = random_rgb(12, 12, seed=5)
    mask = torch.zeros(1, 1, 12, 12, dtype=torch.float64)
    mask[..., :6] = 1
    area = MaskGuide(tiny_vgg(), "relu1_1", mask)

    weights = DetailGuide(activation, area).weights(12, 12)

    assert weights.sum().item() == pytest.approx(1)
    assert weights[..., 6:].sum() < 1e-6


def test_photo_of_a_single_colour_counts_everywhere_alike() -> None:
    weights = DetailGuide(torch.ones(1, 2, 4, 6, dtype=torch.float64), None).weights(4, 6)

    assert torch.allclose(weights, torch.full_like(weights, 1 / 24))


def test_detail_never_counts_outside_of_a_flat_area() -> None:
    activation = random_rgb(12, 12, seed=5)
    activation[..., :8] = 0.5
    mask = torch.zeros(1, 1, 12, 12, dtype=torch.float64)
    mask[..., :6] = 1

    weights = DetailGuide(activation, MaskGuide(tiny_vgg(), "relu1_1", mask)).weights(12, 12)

    assert weights.sum().item() == pytest.approx(1)
    assert weights[..., 6:].max() == 0


def test_detail_of_another_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="another layer than 7 × 8"):
        DetailGuide(random_rgb(8, 8, seed=1), None).weights(7, 8)
