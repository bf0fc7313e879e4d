import pytest
import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.networks.winograd import Winograd

SIZES = [(1, 1), (2, 3), (4, 4), (5, 6), (7, 8), (9, 13), (16, 33), (3, 70), (90, 300)]


def numbers(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def reference(activation: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Returns the result of torch's own convolution."""
    padded = functional.pad(activation, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, weight, bias).relu()


WEIGHT, BIAS = numbers(5, 3, 3, 3, seed=1), numbers(5, seed=2)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_result_is_that_of_a_convolution(
    height: int, width: int, layout: torch.memory_format
) -> None:
    activation = numbers(1, 3, height, width, seed=3).contiguous(memory_format=layout)

    actual = Winograd(WEIGHT, BIAS)(activation)

    torch.testing.assert_close(actual, reference(activation, WEIGHT, BIAS), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_gradient_is_that_of_a_convolution(height: int, width: int) -> None:
    activation = numbers(1, 3, height, width, seed=4).requires_grad_()
    weights = numbers(1, 5, height, width, seed=5)

    (actual,) = torch.autograd.grad(
        (Winograd(WEIGHT, BIAS)(activation) * weights).sum(), activation
    )
    (expected,) = torch.autograd.grad(
        (reference(activation, WEIGHT, BIAS) * weights).sum(), activation
    )

    torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-11)


def test_result_does_not_depend_on_the_number_of_batches() -> None:
    activation = numbers(1, 3, 90, 1100, seed=6)

    actual = Winograd(WEIGHT, BIAS)(activation)

    torch.testing.assert_close(actual, reference(activation, WEIGHT, BIAS), rtol=1e-11, atol=1e-11)


def test_rounding_is_small_in_single_precision() -> None:
    weight, bias = numbers(64, 64, 3, 3, seed=7), numbers(64, seed=8)
    activation = numbers(1, 64, 20, 30, seed=9).relu()
    exact = reference(activation, weight, bias)

    actual = Winograd(weight.float(), bias.float())(activation.float())

    assert (actual - exact).norm() < 1e-5 * exact.norm()
