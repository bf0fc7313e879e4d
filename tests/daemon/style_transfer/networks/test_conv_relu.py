import pytest
import torch
from torch import Tensor
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_convolutions
from impasto_daemon.style_transfer.networks.conv_relu import ConvReLU, conv_relu

CONVOLUTION = tiny_convolutions()[0]


def reference(activation: Tensor) -> Tensor:
    padded = functional.pad(activation, (1, 1, 1, 1), mode="replicate")
    return torch.relu(functional.conv2d(padded, CONVOLUTION.weight, CONVOLUTION.bias))


@pytest.mark.parametrize("size", [(9, 12), (2, 3)])
def test_activation_and_gradient_are_torchs(size: tuple[int, int]) -> None:
    activation = random_rgb(*size, seed=1).requires_grad_()

    result = conv_relu(activation, CONVOLUTION.weight, CONVOLUTION.bias)

    expected = reference(activation)
    gradient = torch.rand_like(expected)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(each, activation, gradient)[0] for each in (result, expected))
    )


def test_input_gradient_is_that_of_the_convolution_before_its_relu() -> None:
    layer = ConvReLU(CONVOLUTION.weight, CONVOLUTION.bias, None, None)
    activation = random_rgb(9, 12, seed=1).requires_grad_()
    result = layer(activation)
    gradient = torch.rand_like(result)

    (expected,) = torch.autograd.grad(result, activation, gradient)

    torch.testing.assert_close(layer.input_gradient(gradient * (result > 0)), expected)


def test_gradient_passes_gradcheck() -> None:
    activation = random_rgb(5, 6, seed=2).requires_grad_()

    assert torch.autograd.gradcheck(
        lambda rgb: conv_relu(rgb, CONVOLUTION.weight, CONVOLUTION.bias), (activation,)
    )
