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


@pytest.mark.parametrize("scale", [0.01, 1e8])
def test_distance_is_relative_to_the_variance(scale: float) -> None:
    one, other = covariance(1), covariance(2)

    scaled = distance(scale * one, scale * other)

    assert scaled == pytest.approx(scale * distance(one, other), rel=1e-9)


def test_directions_that_hardly_vary_are_left_out_by_default() -> None:
    target = torch.diag(torch.tensor([3.0, 2.0, *[1e-4] * 20], dtype=torch.float64))

    assert OptimalTransport(target)._root.shape == (2, 22)


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


def map_of_paper(one: Numbers, other: Numbers) -> Numbers:
    """Returns the transport map (Lu et al. 2019, equation 9)."""
    root = np.real(sqrtm(other))
    result: Numbers = root @ np.linalg.inv(np.real(sqrtm(root @ one @ root))) @ root
    return result


def map_between(one: Numbers, other: Numbers, share: float = 1.0) -> Numbers:
    transport = OptimalTransport(torch.from_numpy(other), share)
    result: Numbers = transport.map(torch.from_numpy(one)).numpy()
    return result


def with_noise(one: Numbers) -> Numbers:
    """Returns the covariance with a hundredth of its mean variance in all directions."""
    return one + 0.01 * np.trace(one) / len(one) * np.eye(len(one))


@pytest.mark.parametrize("seed", range(5))
def test_map_is_the_closed_form(seed: int) -> None:
    one, other = covariance(seed), covariance(seed + 100)

    transport = map_between(one, other)

    expected = map_of_paper(with_noise(one), other)
    np.testing.assert_allclose(transport, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(transport, transport.T, rtol=0, atol=1e-12 * expected.max())


def test_mapped_distribution_has_the_targets_covariance() -> None:
    one, other = covariance(1), covariance(2)

    transport = map_between(one, other)

    mapped = transport @ with_noise(one) @ transport.T
    np.testing.assert_allclose(mapped, other, rtol=0, atol=1e-3 * np.abs(other).max())


def test_map_to_the_same_distribution_leaves_it() -> None:
    one = covariance(3)

    transport = map_between(with_noise(one), with_noise(one))

    # The variance is raised by a hundredth of its mean, in small directions a large share of it.
    assert np.abs(transport @ one @ transport.T - one).max() < 0.02 * np.trace(one) / len(one)


def test_directions_without_variance_are_mapped_to_nothing() -> None:
    target = np.diag([4.0, 1.0, 0.0])

    transport = map_between(covariance(4, channels=3), target)

    assert np.abs(transport[2]).max() == pytest.approx(0, abs=1e-12)
    assert np.abs(transport[:, 2]).max() == pytest.approx(0, abs=1e-12)


def test_source_without_variance_has_a_finite_map() -> None:
    assert np.isfinite(map_between(np.zeros((4, 4)), covariance(5, channels=4))).all()


def test_map_keeps_the_precision_of_what_it_is_given() -> None:
    transport = OptimalTransport(torch.from_numpy(covariance(8)).float(), 1.0)

    single = transport.map(torch.from_numpy(covariance(9)).float())

    assert single.dtype is torch.float32
    expected = map_of_paper(with_noise(covariance(9)), covariance(8))
    np.testing.assert_allclose(single.numpy(), expected, atol=1e-3 * np.abs(expected).max())
