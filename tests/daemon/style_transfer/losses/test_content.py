import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from daemon.style_transfer.reading import features
from impasto_daemon.style_transfer.losses.content import ContentLoss, content_losses
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.planning.layouts import Stage
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork

PHOTO, IMAGE = random_rgb(40, 48, seed=1), random_rgb(40, 48, seed=2)
WEIGHTS = {"relu2_1": 0.5, "relu4_2": 2.0}


def losses_of(network: Network, image: torch.Tensor) -> dict[str, float]:
    with torch.no_grad():
        losses = dict(content_losses(network, PHOTO, WEIGHTS))
        measures = {layer: [loss.measure] for layer, loss in losses.items()}
        statistics = network.statistics(image, measures)
    return {layer: losses[layer](statistics[layer][0]).item() for layer in losses}


def test_loss_is_equation_1_relative_to_the_photo() -> None:
    photo, image = (features(tiny_vgg(), rgb, WEIGHTS) for rgb in (PHOTO, IMAGE))

    losses = losses_of(tiny_vgg(), IMAGE)

    for layer, weight in WEIGHTS.items():
        squared = (image[layer] - photo[layer]).square().sum() / photo[layer].square().sum()
        assert losses[layer] == pytest.approx(weight * squared.item(), rel=1e-12)


def test_loss_of_the_photo_is_nothing() -> None:
    assert losses_of(tiny_vgg(), PHOTO) == dict.fromkeys(WEIGHTS, 0)


def test_targets_are_the_same_in_tiles() -> None:
    tiled = TiledNetwork(tiny_vgg(), [Stage((1, 2, 3), 20), Stage((4, 5), None)])

    assert losses_of(tiled, IMAGE) == pytest.approx(losses_of(tiny_vgg(), IMAGE), rel=1e-12)


def test_photo_without_activations_leaves_a_finite_loss() -> None:
    nothing = torch.zeros(1, 2, 3, 3)

    loss = ContentLoss(1.0, nothing, torch.zeros(()))

    assert loss((torch.ones(()),)).isfinite()
