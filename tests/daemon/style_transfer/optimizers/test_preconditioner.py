import contextlib

import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb
from daemon.style_transfer.optimizers.plain_curvature import PlainCurvature
from impasto_daemon.style_transfer.optimizers import lbfgs
from impasto_daemon.style_transfer.optimizers.preconditioner import BandCurvature

SIZES = [(32, 40), (33, 41), (48, 31), (1, 5)]


class Finished(Exception):
    """The evaluations are used up."""


def stiffness(height: int, width: int) -> Tensor:
    """A curvature that grows with the fourth power of the frequency, a thousandfold."""
    down = torch.fft.fftfreq(height, dtype=torch.float64).unsqueeze(1)
    across = torch.fft.rfftfreq(width, dtype=torch.float64).unsqueeze(0)
    return 1e-2 + 40 * (down.square() + across.square()).square()


def bent(picture: Tensor) -> Tensor:
    """The gradient of a loss that is a mean over pixels with that curvature."""
    height, width = picture.shape[2:]
    spectrum = torch.fft.rfft2(picture) * stiffness(height, width)
    return torch.fft.irfft2(spectrum, s=(height, width)) / (height * width)


def taught(height: int, width: int) -> BandCurvature:
    curvature = BandCurvature()
    for seed in range(5):
        step = random_rgb(height, width, seed=seed) - 0.5
        curvature.learn(step, bent(step))
    return curvature


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_model_is_symmetric_and_positive(height: int, width: int) -> None:
    curvature = taught(height, width)
    one, other = (random_rgb(height, width, seed=seed) - 0.5 for seed in (7, 8))

    across = (one * curvature.improved(other)).sum()

    torch.testing.assert_close((other * curvature.improved(one)).sum(), across)
    assert (one * curvature.improved(one)).sum() > 0


@pytest.mark.parametrize(("height", "width"), [(64, 80), (96, 65)])
@pytest.mark.parametrize("taught_size", [(64, 80), (40, 32)])
def test_what_was_learnt_undoes_the_curvature_at_any_size(
    height: int, width: int, taught_size: tuple[int, int]
) -> None:
    curvature = taught(*taught_size)
    wanted = random_rgb(height, width, seed=9) - 0.5

    found = curvature.improved(bent(wanted))

    # Within half an octave the curvature still varies, by a factor of four.
    assert (found - wanted).norm() < 0.4 * wanted.norm()
    # One curvature for all frequencies does not come near.
    gradient = bent(wanted)
    scalar = (gradient * wanted).sum() / gradient.square().sum()
    assert (scalar * gradient - wanted).norm() > 0.6 * wanted.norm()


def test_colours_are_told_apart() -> None:
    curvature = BandCurvature()
    lightness = torch.ones(1, 3, 1, 1, dtype=torch.float64)
    for seed in range(3):
        noise = random_rgb(32, 32, seed=seed)
        grey = noise.mean(dim=1, keepdim=True) * lightness
        curvature.learn(noise, noise + 99 * grey)
    wanted = random_rgb(32, 32, seed=5)
    gradient = wanted + 99 * wanted.mean(dim=1, keepdim=True) * lightness

    found = curvature.improved(gradient)

    assert (found - wanted).norm() < 0.2 * wanted.norm()


@pytest.mark.parametrize("taught_size", [(85, 128), (128, 85), (128, 128), (32, 20)])
@pytest.mark.parametrize("waves", [1, 2, 3, 5, 8])
def test_no_wave_is_beyond_what_a_smaller_picture_has_taught(
    taught_size: tuple[int, int], waves: int
) -> None:
    # 85 × 128 has waves that fit once into its sides, and none nearly as long.
    curvature = taught(*taught_size)
    across = torch.arange(181, dtype=torch.float64)
    wave = torch.cos(2 * torch.pi * waves * across / 181).expand(1, 3, 121, 181)

    found = curvature.improved(bent(wave))

    along = (found * wave).sum() / wave.square().sum()
    assert 0.3 < along < 3


def test_search_with_it_needs_a_fraction_of_the_evaluations() -> None:
    wanted = random_rgb(32, 40, seed=10)

    def evaluations(curvature: lbfgs.Curvature) -> int:
        start = torch.full_like(wanted, 0.5)
        first = ((start - wanted) * bent(start - wanted)).sum().item()
        count = 0

        def evaluate(picture: Tensor) -> tuple[float, Tensor]:
            nonlocal count
            count += 1
            apart = picture - wanted
            loss = (apart * bent(apart)).sum().item()
            if loss < 1e-4 * first or count == 1000:
                raise Finished
            return loss, 2 * bent(apart)

        with contextlib.suppress(Finished):
            lbfgs.minimise(evaluate, start, curvature)
        return count

    assert evaluations(BandCurvature()) < 0.5 * evaluations(PlainCurvature())
