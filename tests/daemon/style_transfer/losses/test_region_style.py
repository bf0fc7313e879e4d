import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses import region_style
from impasto_daemon.style_transfer.losses.moments import Moments, moments
from impasto_daemon.style_transfer.losses.region_style import Origin, style_losses
from impasto_shared.settings import StyleLoss

PAINTING, OTHER, IMAGE, PHOTO = (random_rgb(40, 48, seed=seed) for seed in (1, 2, 3, 4))
WEIGHTS = {"relu1_1": 0.5, "relu3_1": 2.0}


def losses_of(
    region: Region,
    image: torch.Tensor,
    loss: StyleLoss,
    factor: float = 1,
    origin: Origin | None = None,
) -> dict[str, float]:
    network = tiny_vgg()
    weights = {layer: factor * weight for layer, weight in WEIGHTS.items()}
    losses = dict(style_losses(network, region, loss, weights, origin))
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


def some_moments(seed: int, scale: float = 1.0) -> Moments:
    """Returns the moments of independent activations, far from zero."""
    return Moments(*moments(2 + scale * random_rgb(30, 40, seed=seed)))


def on_the_way(photo: Moments, paintings: Moments, distance: float) -> Moments:
    return Moments(*region_style._part_of_the_way(photo, paintings, distance))


def test_way_begins_with_the_photos_moments_and_ends_with_the_paintings() -> None:
    photo, paintings = some_moments(5), some_moments(6, scale=3)

    start, end = (on_the_way(photo, paintings, distance) for distance in (0.0, 1.0))

    torch.testing.assert_close(start, photo, rtol=1e-12, atol=0)
    torch.testing.assert_close(end.mean, paintings.mean, rtol=1e-12, atol=0)
    # But for the hundredth that raises the variance of the photo.
    torch.testing.assert_close(
        end.covariance, paintings.covariance, rtol=0, atol=0.02 * paintings.covariance.max().item()
    )


def test_mean_goes_its_way_evenly() -> None:
    photo, paintings = some_moments(5), some_moments(6, scale=3)

    for distance in (0.1, 0.5, 0.8):
        expected = (1 - distance) * photo.mean + distance * paintings.mean
        torch.testing.assert_close(on_the_way(photo, paintings, distance).mean, expected)


def test_deviation_goes_its_way_evenly() -> None:
    # Along an axis of both (McCann 1997): deviations, not variances, are interpolated.
    def diagonal(*deviations: float) -> Moments:
        mean = torch.ones(2, dtype=torch.float64)
        covariance = torch.tensor(deviations, dtype=torch.float64).square().diag()
        return Moments(mean, covariance + mean.outer(mean))

    halfway = on_the_way(diagonal(2, 2), diagonal(6, 4), 0.5)

    deviations = halfway.covariance.diagonal().sqrt()
    torch.testing.assert_close(deviations, torch.tensor([4.0, 3.0]).double(), rtol=0.01, atol=0)


@pytest.mark.parametrize("loss", StyleLoss)
def test_photo_is_the_target_at_the_beginning_of_the_way(loss: StyleLoss) -> None:
    region = Region([Painting(PAINTING)])

    near, far = (
        sum(losses_of(region, PHOTO, loss, origin=Origin(PHOTO, distance)).values())
        for distance in (1e-6, 0.5)
    )

    assert near == pytest.approx(0, abs=1e-2)
    assert far > near


@pytest.mark.parametrize("loss", StyleLoss)
def test_paintings_are_the_target_at_the_end_of_the_way(loss: StyleLoss) -> None:
    region = Region([Painting(PAINTING, 0.3), Painting(OTHER, 0.7)])

    at_end = losses_of(region, IMAGE, loss, origin=Origin(PHOTO, 1.0))

    # But for the hundredth that raises the variance of the photo.
    assert at_end == pytest.approx(losses_of(region, IMAGE, loss), rel=0.06)


def test_way_of_a_region_begins_with_the_photo_inside_it() -> None:
    mask = torch.zeros(1, 1, 40, 48, dtype=torch.float64)
    mask[..., :16] = 1
    region = Region([Painting(OTHER)], mask)
    changed = PHOTO.clone()
    changed[..., 30:] = 0

    def loss(photo: torch.Tensor, image: torch.Tensor) -> float:
        return losses_of(region, image, StyleLoss.GRAM, origin=Origin(photo, 0.3))["relu1_1"]

    assert loss(PHOTO, IMAGE) == loss(changed, IMAGE)
    changed[..., :10] = 0
    assert loss(PHOTO, IMAGE) != loss(changed, IMAGE)
