import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb
from daemon.style_transfer.optimizers.counted import Counted, minimise
from daemon.style_transfer.optimizers.scalar_preconditioner import ScalarPreconditioner
from impasto_daemon.style_transfer.optimizers.lbfgs import LBFGS, InitialInverseHessian
from impasto_daemon.style_transfer.optimizers.preconditioner import Preconditioner

SIZES = [(32, 40), (33, 41), (48, 31), (1, 5)]


def curvature(height: int, width: int) -> Tensor:
    """Returns a curvature that grows a thousandfold, with the fourth power of the frequency."""
    vertical = torch.fft.fftfreq(height, dtype=torch.float64).unsqueeze(1)
    horizontal = torch.fft.rfftfreq(width, dtype=torch.float64).unsqueeze(0)
    return 1e-2 + 40 * (vertical.square() + horizontal.square()).square()


def hessian_times(image: Tensor) -> Tensor:
    """Returns the gradient, at `image`, of a quadratic that is a mean over pixels."""
    height, width = image.shape[2:]
    spectrum = torch.fft.rfft2(image) * curvature(height, width)
    return torch.fft.irfft2(spectrum, s=(height, width)) / (height * width)


def fitted(height: int, width: int) -> Preconditioner:
    preconditioner = Preconditioner()
    for seed in range(5):
        s = random_rgb(height, width, seed=seed) - 0.5
        preconditioner.update(s, hessian_times(s))
    return preconditioner


def test_it_is_fitted_after_a_step() -> None:
    assert not Preconditioner().is_fitted
    assert fitted(8, 8).is_fitted


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_is_symmetric_and_positive(height: int, width: int) -> None:
    preconditioner = fitted(height, width)
    a, b = (random_rgb(height, width, seed=seed) - 0.5 for seed in (7, 8))

    product = (a * preconditioner.apply(b)).sum()

    torch.testing.assert_close((b * preconditioner.apply(a)).sum(), product)
    assert (a * preconditioner.apply(a)).sum() > 0


@pytest.mark.parametrize(("height", "width"), [(64, 80), (96, 65)])
@pytest.mark.parametrize("fitted_size", [(64, 80), (40, 32)])
def test_it_inverts_the_curvature_at_every_size(
    height: int, width: int, fitted_size: tuple[int, int]
) -> None:
    preconditioner = fitted(*fitted_size)
    image = random_rgb(height, width, seed=9) - 0.5
    gradient = hessian_times(image)

    result = preconditioner.apply(gradient)

    # Within half an octave the curvature still varies, by a factor of four.
    assert (result - image).norm() < 0.4 * image.norm()
    # The best single curvature for all frequencies is much worse.
    scalar = (gradient * image).sum() / gradient.square().sum()
    assert (scalar * gradient - image).norm() > 0.6 * image.norm()


def test_each_colour_has_its_own_curvature() -> None:
    preconditioner = Preconditioner()
    lightness = torch.ones(1, 3, 1, 1, dtype=torch.float64)
    for seed in range(3):
        noise = random_rgb(32, 32, seed=seed)
        grey = noise.mean(dim=1, keepdim=True) * lightness
        preconditioner.update(noise, noise + 99 * grey)
    image = random_rgb(32, 32, seed=5)
    gradient = image + 99 * image.mean(dim=1, keepdim=True) * lightness

    result = preconditioner.apply(gradient)

    assert (result - image).norm() < 0.2 * image.norm()


@pytest.mark.parametrize("fitted_size", [(85, 128), (128, 85), (128, 128), (32, 20)])
@pytest.mark.parametrize("waves", [1, 2, 3, 5, 8])
def test_waves_longer_than_a_smaller_image_are_extrapolated(
    fitted_size: tuple[int, int], waves: int
) -> None:
    # 85 × 128 has waves that fit once into its sides, and none nearly as long.
    preconditioner = fitted(*fitted_size)
    columns = torch.arange(181, dtype=torch.float64)
    wave = torch.cos(2 * torch.pi * waves * columns / 181).expand(1, 3, 121, 181)

    result = preconditioner.apply(hessian_times(wave))

    assert 0.3 < (result * wave).sum() / wave.square().sum() < 3


class Quadratic(Counted):
    """A mean over pixels with that curvature, whose minimum is a random image."""

    minimum = random_rgb(32, 40, seed=10)

    def value(self, point: Tensor) -> tuple[float, Tensor]:
        difference = point - self.minimum
        gradient = hessian_times(difference)
        return (difference * gradient).sum().item(), 2 * gradient


def test_lbfgs_needs_a_fraction_of_the_evaluations_with_it() -> None:
    def evaluations(preconditioner: InitialInverseHessian) -> int:
        quadratic = Quadratic(limit=1000)
        minimise(LBFGS(preconditioner), quadratic, torch.full_like(quadratic.minimum, 0.5))
        return quadratic.evaluations_to(1e-4)

    assert evaluations(Preconditioner()) < 0.5 * evaluations(ScalarPreconditioner())
