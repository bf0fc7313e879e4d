import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.region_style import style_losses
from impasto_shared.settings import StyleLoss

PAINTING, OTHER, IMAGE = (random_rgb(40, 48, seed=seed) for seed in (1, 2, 3))
WEIGHTS = {"relu1_1": 0.5, "relu3_1": 2.0}


def losses_of(
    region: Region, image: torch.Tensor, loss: StyleLoss, factor: float = 1
) -> dict[str, float]:
    network = tiny_vgg()
    weights = {layer: factor * weight for layer, weight in WEIGHTS.items()}
    losses = dict(style_losses(network, region, loss, weights))
    measures = {layer: [each.measure] for layer, each in losses.items()}
    statistics = network.statistics(image, measures)
    return {layer: losses[layer](statistics[layer][0]).item() for layer in losses}


@pytest.mark.parametrize("loss", StyleLoss)
def test_painting_itself_has_the_least_loss(loss: StyleLoss) -> None:
    region = Region([Painting(PAINTING)])

    at_painting, elsewhere = (losses_of(region, image, loss) for image in (PAINTING, IMAGE))

    assert at_painting.keys() == WEIGHTS.keys()
    for layer in WEIGHTS:
        assert at_painting[layer] == pytest.approx(0, abs=1e-2)
        assert elsewhere[layer] > at_painting[layer]


@pytest.mark.parametrize("loss", StyleLoss)
def test_loss_grows_with_its_weight(loss: StyleLoss) -> None:
    region = Region([Painting(PAINTING)])

    once, thrice = (losses_of(region, IMAGE, loss, factor) for factor in (1, 3))

    assert thrice == pytest.approx({layer: 3 * value for layer, value in once.items()})


@pytest.mark.parametrize("loss", StyleLoss)
def test_two_equal_paintings_are_one(loss: StyleLoss) -> None:
    twice = Region([Painting(PAINTING, 0.25), Painting(PAINTING, 0.75)])

    assert losses_of(twice, IMAGE, loss) == pytest.approx(
        losses_of(Region([Painting(PAINTING)]), IMAGE, loss), rel=1e-6
    )


def test_region_is_measured_where_its_mask_is_white() -> None:
    mask = torch.zeros(1, 1, 40, 48, dtype=torch.float64)
    mask[..., :16] = 1
    changed = IMAGE.clone()
    changed[..., 30:] = 0
    region = Region([Painting(OTHER)], mask)

    first, second = (
        losses_of(region, image, StyleLoss.GRAM)["relu1_1"] for image in (IMAGE, changed)
    )

    assert first == second
