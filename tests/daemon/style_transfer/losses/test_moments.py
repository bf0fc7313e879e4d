import numpy as np
import pytest
import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.moments import Moments, blend, moments

ACTIVATION = torch.from_numpy(np.random.default_rng(0).normal(loc=0.5, size=(1, 5, 6, 7)))
FLAT = ACTIVATION.numpy().reshape(5, 42)


def test_moments_are_those_of_numpy() -> None:
    actual = moments(ACTIVATION)

    np.testing.assert_allclose(actual.mean.numpy(), FLAT.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(actual.covariance.numpy(), np.cov(FLAT, bias=True), rtol=1e-10)
    np.testing.assert_allclose(actual.power.item(), (FLAT**2).sum(axis=0).mean(), rtol=1e-12)


def test_moments_of_a_whole_are_the_means_of_its_parts() -> None:
    whole = moments(ACTIVATION)
    left, right = moments(ACTIVATION[..., :3]), moments(ACTIVATION[..., 3:])

    torch.testing.assert_close(whole.mean, (3 * left.mean + 4 * right.mean) / 7)
    torch.testing.assert_close(whole.second, (3 * left.second + 4 * right.second) / 7)


LAYOUTS = [torch.contiguous_format, torch.channels_last]
GUIDE = torch.from_numpy(np.random.default_rng(1).random(42))
GUIDE = GUIDE / GUIDE.sum()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_guided_moments_are_weighted_means(layout: torch.memory_format) -> None:
    actual = moments(ACTIVATION.contiguous(memory_format=layout), GUIDE)

    weights = GUIDE.numpy()
    np.testing.assert_allclose(
        actual.mean.numpy(), np.average(FLAT, axis=1, weights=weights), rtol=1e-12
    )
    np.testing.assert_allclose(
        actual.covariance.numpy(), np.cov(FLAT, bias=True, aweights=weights), rtol=1e-10
    )


def test_even_guide_changes_nothing() -> None:
    even = torch.full((42,), 1 / 42, dtype=torch.float64)

    guided, plain = moments(ACTIVATION, even), moments(ACTIVATION)

    torch.testing.assert_close(guided.mean, plain.mean)
    torch.testing.assert_close(guided.second, plain.second)


def test_guided_moments_know_nothing_of_what_does_not_count() -> None:
    left = torch.zeros(6, 7, dtype=torch.float64)
    left[:, :3] = 1 / 18

    guided, part = moments(ACTIVATION, left.flatten()), moments(ACTIVATION[..., :3])

    torch.testing.assert_close(guided.mean, part.mean)
    torch.testing.assert_close(guided.second, part.second)


def test_blended_moments_are_those_of_all_positions_together() -> None:
    left, right = moments(ACTIVATION[..., :3]), moments(ACTIVATION[..., 3:])

    blended = Moments(*blend([3 / 7, 4 / 7], [left, right]))
    whole = moments(ACTIVATION)

    torch.testing.assert_close(blended.mean, whole.mean)
    # Blending covariances would miss how far the means are apart.
    torch.testing.assert_close(blended.covariance, whole.covariance)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("guide", [None, GUIDE], ids=["plain", "guided"])
def test_gradient_of_moments_passes_gradcheck(
    guide: Tensor | None, layout: torch.memory_format
) -> None:
    def both(activation: Tensor) -> tuple[Tensor, Tensor]:
        actual = moments(activation.contiguous(memory_format=layout), guide)
        return actual.mean, actual.second

    assert torch.autograd.gradcheck(both, (ACTIVATION.clone().requires_grad_(),))


def test_sums_of_16_bit_numbers_are_those_of_32_bits() -> None:
    # In bfloat16 itself, a sum of ones would stop growing at 256.
    many = torch.ones(1, 2, 100, 100, dtype=torch.bfloat16)

    actual = moments(many)

    assert actual.second.dtype == torch.float32
    torch.testing.assert_close(actual.second, torch.ones(2, 2))
