import numpy as np
import torch

from impasto_daemon.style_transfer.moments import moments

ACTIVATION = torch.from_numpy(np.random.default_rng(0).normal(loc=0.5, size=(1, 5, 6, 7)))
FLAT = ACTIVATION.numpy().reshape(5, 42)


def test_moments_are_those_of_numpy() -> None:
    found = moments(ACTIVATION)

    np.testing.assert_allclose(found.mean.numpy(), FLAT.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.covariance.numpy(), np.cov(FLAT, bias=True), rtol=1e-10)
    np.testing.assert_allclose(found.power.item(), (FLAT**2).sum(axis=0).mean(), rtol=1e-12)


def test_moments_of_a_whole_are_the_means_of_its_parts() -> None:
    whole = moments(ACTIVATION)
    left, right = moments(ACTIVATION[..., :3]), moments(ACTIVATION[..., 3:])

    torch.testing.assert_close(whole.mean, (3 * left.mean + 4 * right.mean) / 7)
    torch.testing.assert_close(whole.second, (3 * left.second + 4 * right.second) / 7)
