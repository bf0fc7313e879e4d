import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from daemon.style_transfer.reading import features
from impasto_daemon.style_transfer.losses.content import (
    ContentLoss,
    StoredTarget,
    activations_of,
    mean_square,
    reconstruction_losses,
)
from impasto_daemon.style_transfer.losses.guides import guide_at
from impasto_daemon.style_transfer.networks.crops import Crop, Interval
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.planning.layouts import Stage
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork

PHOTO, IMAGE = random_rgb(40, 48, seed=1), random_rgb(40, 48, seed=2)
WEIGHTS = {"relu2_1": 0.5, "relu4_2": 2.0}
TILING = [Stage((1, 2, 3), 20), Stage((4, 5), None)]


def losses_of(network: Network, image: Tensor, mask: Tensor | None = None) -> dict[str, float]:
    with torch.no_grad():
        guides = {layer: guide_at(network, layer, mask) for layer in WEIGHTS}
        activations = activations_of(network, PHOTO, WEIGHTS)
        losses = dict(reconstruction_losses(activations, WEIGHTS, guides))
        measures = {layer: [loss.measure] for layer, loss in losses.items()}
        statistics = network.statistics(image, measures)
    return {layer: losses[layer](statistics[layer][0]).item() for layer in losses}


def left_half() -> Tensor:
    mask = torch.zeros(1, 1, 40, 48, dtype=torch.float64)
    mask[..., :24] = 1
    return mask


def test_loss_is_equation_1_relative_to_the_photo() -> None:
    photo, image = (features(tiny_vgg(), rgb, WEIGHTS) for rgb in (PHOTO, IMAGE))

    losses = losses_of(tiny_vgg(), IMAGE)

    for layer, weight in WEIGHTS.items():
        squared = (image[layer] - photo[layer]).square().sum() / photo[layer].square().sum()
        assert losses[layer] == pytest.approx(weight * squared.item(), rel=1e-12)


def test_loss_of_the_photo_is_nothing() -> None:
    assert losses_of(tiny_vgg(), PHOTO) == dict.fromkeys(WEIGHTS, 0)


@pytest.mark.parametrize("mask", [None, left_half()])
def test_targets_are_the_same_in_tiles(mask: Tensor | None) -> None:
    tiled = TiledNetwork(tiny_vgg(), TILING)

    assert losses_of(tiled, IMAGE, mask) == pytest.approx(
        losses_of(tiny_vgg(), IMAGE, mask), rel=1e-12
    )


def test_guided_loss_is_the_mean_over_the_guide() -> None:
    photo, image = (features(tiny_vgg(), rgb, WEIGHTS) for rgb in (PHOTO, IMAGE))

    losses = losses_of(tiny_vgg(), IMAGE, left_half())

    for layer, weight in WEIGHTS.items():
        guide = guide_at(tiny_vgg(), layer, left_half())
        assert guide is not None
        weights = guide.weights(*photo[layer].shape[2:])
        squared = (weights * (image[layer] - photo[layer]).square()).sum()
        mean = squared / photo[layer].shape[1] / photo[layer].square().mean()
        assert losses[layer] == pytest.approx(weight * mean.item(), rel=1e-12)


@pytest.mark.parametrize("mask", [None, left_half()])
def test_gradient_is_that_of_the_loss(mask: Tensor | None) -> None:
    guide = guide_at(tiny_vgg(), "relu2_1", mask)
    loss = ContentLoss(1.0, StoredTarget(random_rgb(20, 24, seed=3)), torch.ones(()), guide)
    crop = Crop(Interval(2, 7), Interval(9, 14), 20, 24)

    def contribution(activation: Tensor) -> Tensor:
        return loss.measure.statistic(activation, crop)[0]

    activation = random_rgb(5, 5, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(contribution, activation)


def test_guided_loss_ignores_what_lies_outside() -> None:
    changed = IMAGE.clone()
    changed[..., -4:] = 0  # relu2_1 sees it in the last columns alone

    first, second = (losses_of(tiny_vgg(), rgb, left_half()) for rgb in (IMAGE, changed))

    assert first["relu2_1"] == second["relu2_1"]
    assert losses_of(tiny_vgg(), IMAGE)["relu2_1"] != losses_of(tiny_vgg(), changed)["relu2_1"]


def test_activations_are_those_of_the_network_also_in_tiles() -> None:
    expected = features(tiny_vgg(), PHOTO, WEIGHTS)

    for network in (tiny_vgg(), TiledNetwork(tiny_vgg(), TILING)):
        with torch.no_grad():
            activations = activations_of(network, PHOTO, WEIGHTS)

        assert activations.keys() == WEIGHTS.keys()
        for layer in WEIGHTS:
            torch.testing.assert_close(activations[layer], expected[layer], rtol=1e-12, atol=1e-12)


def test_no_layers_have_no_activations() -> None:
    assert activations_of(tiny_vgg(), PHOTO, []) == {}


def test_stored_target_is_cut_where_the_crop_lies() -> None:
    activation = random_rgb(9, 11, seed=3)

    crop = Crop(Interval(2, 7), Interval(5, 11), 9, 11)

    assert torch.equal(StoredTarget(activation).cut(crop), activation[..., 2:7, 5:11])


def test_photo_without_activations_leaves_a_finite_loss() -> None:
    nothing = torch.zeros(1, 2, 3, 3)

    loss = ContentLoss(1.0, StoredTarget(nothing), torch.zeros(()))

    assert loss((torch.ones(()),)).isfinite()


def test_mean_square_is_taken_in_float32_at_least() -> None:
    # The sum of the squares is beyond the range of float16, and rounded away in bfloat16.
    activation = torch.full((1, 8, 64, 64), 3.0)

    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert mean_square(activation.to(dtype)).item() == pytest.approx(9, rel=1e-5)
    assert mean_square(activation.double()).dtype is torch.float64
