import math

import numpy as np
import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from impasto_daemon.style_transfer.losses import calibration
from impasto_daemon.style_transfer.losses.calibration import (
    content_factor,
    self_similarity_distance,
)
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.planning.layouts import Stage
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork

LAYER = "relu3_1"
LARGEST, SMALLEST = calibration._LARGEST_FACTOR, 1 / calibration._LARGEST_FACTOR
NOISE = random_rgb(64, 80, seed=2)
# Of noise in the picture: around the typical distance of these tests.
SHARES = (0.28, 0.3, 0.32)


def drawing() -> Tensor:
    """Returns a photo of large shapes: (1, 3, 64, 80)."""
    rows, columns = torch.meshgrid(
        torch.linspace(0, 1, 64, dtype=torch.float64),
        torch.linspace(0, 1, 80, dtype=torch.float64),
        indexing="ij",
    )
    disc = ((rows - 0.5) ** 2 + (columns - 0.4) ** 2 < 0.08).double()
    return torch.stack([disc, rows, 1 - columns]).unsqueeze(0)


def factor_of(painted: Tensor, strength: float = 1.0, network: Network | None = None) -> float:
    return content_factor(network or tiny_vgg(), drawing(), painted, LAYER, strength)


def partly(noise: float) -> Tensor:
    return (1 - noise) * drawing() + noise * NOISE


def distance_of(painted: Tensor) -> float:
    photo, other = (
        dict(tiny_vgg().activations(rgb, [LAYER]))[LAYER] for rgb in (drawing(), painted)
    )
    return self_similarity_distance(photo, other).item()


@pytest.fixture(autouse=True)
def typical_distance(monkeypatch: pytest.MonkeyPatch) -> float:
    """The typical distance of the tests, so that another choice does not change them."""
    typical = distance_of(partly(SHARES[1]))
    monkeypatch.setattr(calibration, "_TYPICAL_DISTANCE", typical)
    return typical


def by_hand(photo: Tensor, painted: Tensor) -> float:
    """Returns the mean over columns of the differences (Kolkin et al. 2019, section 2.3)."""
    normalised = []
    for activation in (photo, painted):
        columns = activation[0].flatten(1).numpy()
        count = columns.shape[1]
        distances = np.array(
            [
                [
                    1
                    - columns[:, i]
                    @ columns[:, j]
                    / (np.linalg.norm(columns[:, i]) * np.linalg.norm(columns[:, j]))
                    for j in range(count)
                ]
                for i in range(count)
            ]
        )
        normalised.append(distances / distances.sum(axis=0))
    return float(np.abs(normalised[0] - normalised[1]).sum(axis=0).mean())


def test_distance_is_that_of_the_normalised_self_similarities() -> None:
    photo, painted = random_rgb(5, 6, seed=3), random_rgb(5, 6, seed=4)

    distance = self_similarity_distance(photo, painted)

    assert distance.item() == pytest.approx(by_hand(photo, painted), rel=1e-10)


def test_distance_of_pale_pictures_is_relative_too() -> None:
    photo, painted = (1 + 0.01 * random_rgb(5, 6, seed=seed) for seed in (3, 4))

    distance = self_similarity_distance(photo, painted)

    assert distance.item() == pytest.approx(by_hand(photo, painted), rel=1e-6)


def test_distance_knows_neither_scale_nor_a_rotation_of_the_channels() -> None:
    photo = random_rgb(9, 8, seed=3)

    swapped = self_similarity_distance(photo, 5 * photo[:, [2, 0, 1]])

    assert swapped.item() == pytest.approx(0, abs=1e-12)
    assert self_similarity_distance(photo, photo.flip(3)) > 0.1


def test_distance_of_plain_pictures_is_finite() -> None:
    plain = torch.ones(1, 3, 8, 8)

    assert self_similarity_distance(plain, plain).item() == 0
    assert 0 < self_similarity_distance(random_rgb(8, 8, seed=1).float(), plain).item() <= 2


def test_many_positions_are_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, painted = random_rgb(6, 10, seed=3), random_rgb(6, 10, seed=4)
    monkeypatch.setattr(calibration, "_MOST_POSITIONS", 25)

    distance = self_similarity_distance(photo, painted)

    # Every third of 60 positions.
    thinned = (each.flatten(2)[:, :, ::3].view(1, 3, 4, 5) for each in (photo, painted))
    assert distance.item() == pytest.approx(by_hand(*thinned), rel=1e-10)


def test_photo_itself_gets_the_smallest_factor_and_noise_the_largest() -> None:
    assert factor_of(drawing()) == SMALLEST
    assert factor_of(NOISE) == LARGEST


def test_the_more_is_lost_the_more_the_content_weighs() -> None:
    factors = [factor_of(partly(noise)) for noise in SHARES]

    assert factors == sorted(factors)
    assert SMALLEST < factors[0] < factors[1] < factors[2] < LARGEST


@pytest.mark.parametrize("strength", [0.9, 1.0, 1.2])
def test_factor_is_a_power_of_the_distance(strength: float, typical_distance: float) -> None:
    expected = distance_of(partly(SHARES[2])) / (typical_distance * math.sqrt(strength))

    factor = factor_of(partly(SHARES[2]), strength)

    assert SMALLEST < factor < LARGEST
    assert factor == pytest.approx(expected**calibration._EXPONENT, rel=1e-10)


def test_stronger_style_may_lose_more() -> None:
    factors = [factor_of(partly(SHARES[1]), strength) for strength in (0.9, 1.0, 1.2)]

    assert factors[0] > factors[1] > factors[2]


def test_factor_is_the_same_in_tiles() -> None:
    tiled = TiledNetwork(tiny_vgg(), [Stage((1, 2), 24), Stage((3, 4, 5), 7)])

    factor = factor_of(partly(SHARES[1]), network=tiled)

    assert factor == pytest.approx(factor_of(partly(SHARES[1])), rel=1e-10)
