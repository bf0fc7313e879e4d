import pytest
import torch
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.networks.replicate_padding import (
    fold_replicate_padding,
    replicate_pad,
)

SIZES = [(5, 7), (1, 4), (2, 2), (1, 1)]


@pytest.mark.parametrize("size", SIZES)
def test_padding_is_torchs(size: tuple[int, int]) -> None:
    activation = random_rgb(*size, seed=1)

    assert torch.equal(
        replicate_pad(activation), functional.pad(activation, (1, 1, 1, 1), mode="replicate")
    )


@pytest.mark.parametrize("size", SIZES[:1] + SIZES[2:3])
def test_folding_is_the_gradient_of_padding(size: tuple[int, int]) -> None:
    activation = random_rgb(*size, seed=1).requires_grad_()
    padded = functional.pad(activation, (1, 1, 1, 1), mode="replicate")
    grad_padded = torch.rand_like(padded)
    (expected,) = torch.autograd.grad(padded, activation, grad_padded)

    torch.testing.assert_close(fold_replicate_padding(grad_padded), expected)
