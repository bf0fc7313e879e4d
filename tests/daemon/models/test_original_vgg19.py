"""The decoding of the original VGG-19, and its first convolution for RGB."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb
from daemon.style_transfer.reading import features
from impasto_daemon.models.original_vgg19 import for_rgb, read_convolutions
from impasto_daemon.models.weights import verify
from impasto_daemon.style_transfer.networks.vgg import VGG, VGG19_BLOCKS, Convolution
from impasto_shared.settings import Model, Pooling

CHANNELS = 2


def names() -> list[str]:
    """Returns the names of the convolutions in order."""
    return [
        f"block{block}_conv{index}"
        for block, count in enumerate(VGG19_BLOCKS, start=1)
        for index in range(1, count + 1)
    ]


def encoded_state() -> dict[str, Tensor]:
    """Returns what the file holds, with two channels a layer, out of order."""
    generator = torch.Generator().manual_seed(4)
    state = {}
    for name in reversed(names()):
        shape = (CHANNELS, 3 if name == "block1_conv1" else CHANNELS, 3, 3)
        state[f"{name}_W_q"] = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        state[f"{name}_W_table"] = torch.randn(256, generator=generator)
        state[f"{name}_b"] = torch.randn(CHANNELS, generator=generator)
    # The ends of the table: as a signed byte, the last index would be another entry.
    state["block3_conv4_W_q"][0, 0, 0] = torch.tensor([0, 128, 255], dtype=torch.uint8)
    return state


def test_weights_are_the_tables_entries_exactly(tmp_path: Path) -> None:
    state = encoded_state()
    torch.save(state, tmp_path / "weights.bin")

    convolutions = read_convolutions(tmp_path / "weights.bin")

    assert len(convolutions) == len(names()) == 16
    for name, convolution in list(zip(names(), convolutions, strict=True))[1:]:
        table, indices = state[f"{name}_W_table"].numpy(), state[f"{name}_W_q"].numpy()
        assert convolution.weight.dtype == torch.float32
        np.testing.assert_array_equal(convolution.weight.numpy(), table[indices])
        assert torch.equal(convolution.bias, state[f"{name}_b"])
    first = Convolution(
        state["block1_conv1_W_table"][state["block1_conv1_W_q"].long()], state["block1_conv1_b"]
    )
    assert torch.equal(convolutions[0].weight, for_rgb(first).weight)
    assert torch.equal(convolutions[0].bias, for_rgb(first).bias)


def caffe_relu1_1(rgb: NDArray[np.float64], caffe: Convolution) -> NDArray[np.float64]:
    """Returns relu1_1 of `rgb` (height, width, 3) with Caffe's weights and Caffe's input."""
    kernel, bias = caffe.weight.numpy(), caffe.bias.numpy()
    bgr = 255 * rgb[:, :, ::-1] - np.array([103.939, 116.779, 123.68])
    padded = np.pad(bgr, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    convolved: NDArray[np.float64] = np.einsum("yxirc,oirc->oyx", windows, kernel)
    return np.maximum(convolved + bias[:, None, None], 0)


def first_convolution() -> Convolution:
    """Returns the first convolution of the installed file, for Caffe's input, in float64."""
    state = torch.load(verify(Model.VGG19), weights_only=True)
    table, indices = state["block1_conv1_W_table"], state["block1_conv1_W_q"]
    weight = torch.from_numpy(table.numpy()[indices.numpy()])
    return Convolution(weight.double(), state["block1_conv1_b"].double())


def network(first: Convolution) -> VGG:
    """Returns a VGG with that first convolution, whose other layers do not matter."""
    generator = torch.Generator().manual_seed(5)
    inputs, others = len(first.bias), []
    for _ in names()[1:]:
        weight = torch.randn(1, inputs, 3, 3, generator=generator).to(first.weight)
        others.append(Convolution(weight, torch.zeros(1).to(first.weight)))
        inputs = 1
    return VGG([first, *others], VGG19_BLOCKS, pooling=Pooling.AVERAGE)


def test_first_convolution_for_rgb_computes_what_caffe_would() -> None:
    caffe = first_convolution()
    rgb = random_rgb(9, 11, seed=2)

    actual = features(network(for_rgb(caffe)), rgb, ["relu1_1"])["relu1_1"][0].numpy()

    expected = caffe_relu1_1(rgb[0].permute(1, 2, 0).numpy(), caffe)
    assert actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12 * expected.max())


def test_installed_network_computes_what_caffe_would() -> None:
    rgb = random_rgb(9, 11, seed=2, dtype=torch.float32)
    installed = VGG(read_convolutions(verify(Model.VGG19)), VGG19_BLOCKS, pooling=Pooling.AVERAGE)

    actual = features(installed, rgb, ["relu1_1"])["relu1_1"][0].numpy()

    expected = caffe_relu1_1(rgb[0].permute(1, 2, 0).double().numpy(), first_convolution())
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_activations_have_the_size_of_the_original_network() -> None:
    # torchvision's weights give activations some 500 times smaller.
    installed = VGG(read_convolutions(verify(Model.VGG19)), VGG19_BLOCKS, pooling=Pooling.AVERAGE)
    rgb = random_rgb(64, 64, seed=3, dtype=torch.float32)

    activation = features(installed, rgb, ["relu4_2"])["relu4_2"]

    assert 100 < activation.square().mean().sqrt() < 5_000
