from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from impasto_daemon.style_transfer.networks.conv_relu import convolve_rectified, slope_of_input
from impasto_daemon.style_transfer.tiling.relu_masks import Bits, Gates, Rerun
from impasto_shared.settings import Pooling

NAMES = ["relu4_1", "relu4_2"]


@given(arrays(np.bool_, st.tuples(st.just(1), *(st.integers(1, 9) for _ in range(3)))))
def test_bits_are_those_that_were_given(drawn: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    yes = torch.from_numpy(drawn)

    bits = Bits.of(yes)

    assert torch.equal(bits.tensor(), yes)
    assert bits.packed.nbytes == -(-yes.numel() // 8)


class CountingLayer:
    """A convolution and its ReLU that counts how often it is run."""

    def __init__(self, received: int, made: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        shape = (made, received, 3, 3)
        self._weight = torch.randn(shape, generator=generator, dtype=torch.float64)
        self._bias = torch.randn(made, generator=generator, dtype=torch.float64)
        self.calls = 0

    def __call__(self, activation: Tensor) -> Tensor:
        self.calls += 1
        return convolve_rectified(activation, self._weight, self._bias)

    def slope_of_input(self, slope: Tensor) -> Tensor:
        return slope_of_input(slope, self._weight)


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize(
    ("looked_at", "run_anew"), [([], [0, 0]), (["relu4_1"], [1, 0]), (["relu4_2"], [1, 1])]
)
def test_slope_is_right_and_only_what_is_looked_at_is_run_anew(
    pooling: Pooling, looked_at: list[str], run_anew: list[int]
) -> None:
    layers = [CountingLayer(3, 5, seed=1), CountingLayer(5, 4, seed=2)]
    pool = tiny_vgg(pooling).pool
    rgb = random_rgb(9, 13, seed=3)

    def run(runner: Gates | Rerun, picture: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        found, activation = {}, picture
        for name, layer in zip(NAMES, layers, strict=True):
            activation = found[name] = runner.layer(name, layer, activation)
        return found, runner.pool(pool, activation)

    def slope(found: dict[str, Tensor], pooled: Tensor, picture: Tensor) -> Tensor:
        terms = [found[name].square().sum() for name in looked_at]
        return torch.autograd.grad([*terms, pooled], picture, [*(None for _ in terms), handed])[0]

    gates = Gates(NAMES, looked_at, pooling)
    picture = rgb.clone().requires_grad_()
    found, pooled = run(gates, picture)
    handed = random_rgb(*pooled.shape[2:], seed=4)[:, :1].expand(pooled.shape) - 0.5
    wanted = slope(found, pooled, picture)
    before = [layer.calls for layer in layers]

    picture = rgb.clone().requires_grad_()
    again, standing_in = run(Rerun(gates), picture)

    assert [layer.calls - count for layer, count in zip(layers, before, strict=True)] == run_anew
    for name in looked_at:
        torch.testing.assert_close(again[name], found[name])
    assert standing_in.shape == pooled.shape
    assert standing_in.untyped_storage().nbytes() == standing_in.element_size()
    assert not gates.passed
    assert gates.pooled is None
    torch.testing.assert_close(slope(again, standing_in, picture), wanted)


def test_of_equal_numbers_the_slope_goes_to_the_first_as_in_torch() -> None:
    activation = torch.ones(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    gates = Gates(["relu1_1"], [], Pooling.MAX)
    wanted = torch.autograd.grad(functional.max_pool2d(activation, 2).sum(), activation)[0]

    gates.pool(lambda one: functional.max_pool2d(one, 2), activation.detach())
    pooled = Rerun(gates).pool(lambda one: one, activation)

    torch.testing.assert_close(torch.autograd.grad(pooled.sum(), activation)[0], wanted)
