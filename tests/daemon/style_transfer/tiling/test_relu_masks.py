from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.tiling.relu_masks import (
    BitMask,
    MaxPoolChoice,
    average_pool_backward,
)

Booleans = np.ndarray[Any, np.dtype[np.bool_]]


@given(arrays(np.bool_, st.tuples(st.just(1), *(st.integers(1, 9) for _ in range(3)))))
def test_unpacked_mask_is_the_packed_one(drawn: Booleans) -> None:
    mask = torch.from_numpy(drawn)

    packed = BitMask.of(mask)

    assert torch.equal(packed.tensor(), mask)
    assert packed.packed.nbytes == -(-mask.numel() // 8)


@given(arrays(np.bool_, (2, 1, 3, 5, 7)))
def test_masks_combine_like_booleans(drawn: Booleans) -> None:
    first, second = torch.from_numpy(drawn)
    packed_first, packed_second = BitMask.of(first), BitMask.of(second)

    assert torch.equal((packed_first & packed_second).tensor(), first & second)
    assert torch.equal((packed_first | packed_second).tensor(), first | second)
    assert torch.equal((~packed_first).tensor(), ~first)


def test_mask_leaves_the_gradient_where_it_is_true() -> None:
    gradient = random_rgb(4, 5, seed=1)
    mask = gradient > 0.5

    masked = BitMask.of(mask).applied_to(gradient)

    assert torch.equal(masked, gradient * mask)


@pytest.mark.parametrize("size", [(8, 6), (9, 13), (2, 3)])
def test_choice_of_max_pooling_gives_torchs_gradient(size: tuple[int, int]) -> None:
    activation = random_rgb(*size, seed=3).requires_grad_()
    pooled = functional.max_pool2d(activation, 2)
    gradient = torch.rand_like(pooled)

    result = MaxPoolChoice.of(activation.detach()).backward(gradient, activation.shape)

    assert torch.equal(result, torch.autograd.grad(pooled, activation, gradient)[0])


def test_first_of_equal_numbers_is_chosen_as_in_torch() -> None:
    activation = torch.ones(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    pooled = functional.max_pool2d(activation, 2)
    ones = torch.ones_like(pooled)

    result = MaxPoolChoice.of(activation.detach()).backward(ones, activation.shape)

    assert torch.equal(result, torch.autograd.grad(pooled, activation, ones)[0])


@pytest.mark.parametrize("size", [(8, 6), (9, 13)])
def test_average_pooling_has_torchs_gradient(size: tuple[int, int]) -> None:
    activation = random_rgb(*size, seed=3).requires_grad_()
    pooled = functional.avg_pool2d(activation, 2)
    gradient = torch.rand_like(pooled)

    result = average_pool_backward(gradient, activation.shape)

    torch.testing.assert_close(result, torch.autograd.grad(pooled, activation, gradient)[0])
