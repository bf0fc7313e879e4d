import pytest
import torch
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.networks.pooling import pool, pool_backward, pool_mask
from impasto_shared.settings import Pooling


@pytest.mark.parametrize("pooling", Pooling)
def test_backward_is_autograds(pooling: Pooling) -> None:
    activation = random_rgb(9, 13, seed=1).requires_grad_()
    pooled = pool(activation, pooling)
    gradient = torch.rand_like(pooled)

    result = pool_backward(gradient, activation, pooling)

    assert torch.equal(result, torch.autograd.grad(pooled, activation, gradient)[0])
    assert not result.requires_grad


def test_mask_of_even_sides_is_averaged() -> None:
    mask = random_rgb(8, 6, seed=2)[:, :1]

    assert torch.equal(pool_mask(mask), functional.avg_pool2d(mask, 2))


def test_mask_keeps_what_an_odd_last_row_holds() -> None:
    mask = torch.zeros(1, 1, 5, 4)
    mask[..., -1, -1] = 1

    assert pool_mask(mask)[..., -1, -1] > 0
