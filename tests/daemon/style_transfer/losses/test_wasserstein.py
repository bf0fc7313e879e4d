import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from impasto_daemon.style_transfer.losses.wasserstein import OptimalTransport

Numbers = NDArray[np.float64]


def covariance(seed: int, channels: int = 6, samples: int = 50) -> Numbers:
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(channels, channels))
    result: Numbers = np.cov(mixing @ generator.normal(size=(channels, samples)), bias=True)
    return result


def distance_of_paper(one: Numbers, other: Numbers) -> float:
    """Returns the squared distance for equal means (Dowson and Landau 1982, equation 4)."""
    root = sqrtm(other)
    return float(np.trace(one + other - 2 * np.real(sqrtm(root @ one @ root))))


def distance(one: Numbers, other: Numbers, share: float = 1.0) -> float:
    return OptimalTransport(torch.from_numpy(other), share).distance(torch.from_numpy(one)).item()


@pytest.mark.parametrize("seed", range(5))
def test_distance_is_the_closed_form(seed: int) -> None:
    one, other = covariance(seed), covariance(seed + 100)

    assert distance(one, other) == pytest.approx(distance_of_paper(one, other), rel=1e-3)


def test_distance_of_equal_covariances_is_nothing() -> None:
    one = covariance(1)

    assert distance(one, one) == pytest.approx(0, abs=1e-3 * np.trace(one))


def test_distance_along_one_axis_is_that_of_the_deviations() -> None:
    one, other = np.diag([4.0, 0.0]), np.diag([9.0, 0.0])

    assert distance(one, other) == pytest.approx((2 - 3) ** 2, rel=1e-2)


def test_covariance_of_few_samples_has_a_distance() -> None:
    flat = covariance(2, channels=20, samples=4)

    assert distance(flat, covariance(3, channels=20)) > 0


@pytest.mark.parametrize("share", [0.9, 0.99, 0.999])
def test_directions_left_out_cost_no_more_than_their_variance(share: float) -> None:
    one, other = covariance(4, channels=30), covariance(5, channels=30)

    exact, shortened = distance(one, other), distance(one, other, share)

    # |tr (R C R^T)^½| over the rest is at most the product of the deviations there.
    bound = 2 * np.sqrt((1 - share) * np.trace(other) * np.trace(one))
    assert exact - 1e-3 * exact <= shortened <= exact + bound


@pytest.mark.parametrize("share", [1.0, 0.9])
def test_gradient_passes_gradcheck(share: float) -> None:
    transport = OptimalTransport(torch.from_numpy(covariance(6)), share)
    one = torch.from_numpy(covariance(7)).requires_grad_()

    def symmetric(matrix: torch.Tensor) -> torch.Tensor:
        return transport.distance((matrix + matrix.T) / 2)

    assert torch.autograd.gradcheck(symmetric, (one,))


def test_distance_keeps_the_precision_of_what_it_is_given() -> None:
    one, other = covariance(8), covariance(9)

    single = OptimalTransport(torch.from_numpy(other).float(), 1.0).distance(
        torch.from_numpy(one).float()
    )

    assert single.dtype is torch.float32
    assert single.item() == pytest.approx(distance_of_paper(one, other), rel=1e-3)


def test_target_without_any_variance_has_a_finite_gradient() -> None:
    transport = OptimalTransport(torch.zeros(4, 4))
    flat = torch.zeros(4, 4, requires_grad=True)

    (gradient,) = torch.autograd.grad(transport.distance(flat), flat)

    assert gradient.isfinite().all()
