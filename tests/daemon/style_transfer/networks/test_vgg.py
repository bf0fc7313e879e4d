from collections.abc import Collection
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from daemon.style_transfer.networks.tiny_network import (
    TINY_BLOCKS,
    TINY_CHANNELS,
    Burnt,
    Fuse,
    random_rgb,
    tiny_convolutions,
    tiny_vgg,
)
from daemon.style_transfer.reading import features
from impasto_daemon.style_transfer.networks.network import IMAGENET_MEAN, IMAGENET_STD
from impasto_daemon.style_transfer.networks.vgg import (
    VGG,
    VGG16_BLOCKS,
    VGG19_BLOCKS,
    Convolution,
)
from impasto_daemon.style_transfer.networks.vgg_layers import vgg_layers
from impasto_shared.settings import Pooling

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")
RGB = random_rgb(66, 53, seed=1)
MEAN = torch.tensor(IMAGENET_MEAN, dtype=torch.float64).view(3, 1, 1)
STD = torch.tensor(IMAGENET_STD, dtype=torch.float64).view(3, 1, 1)


def reference_features(
    rgb: Tensor, pooling: Pooling, padding_mode: Literal["zeros", "replicate"]
) -> dict[str, Tensor]:
    """Returns the activations of the same network, made of torch's own modules."""
    modules: list[nn.Module] = []
    for name, convolution in zip(LAYERS, tiny_convolutions(), strict=True):
        if name.endswith("_1") and modules:
            modules.append(nn.AvgPool2d(2) if pooling is Pooling.AVERAGE else nn.MaxPool2d(2))
        outgoing, incoming = convolution.weight.shape[:2]
        convolve = nn.Conv2d(
            incoming,
            outgoing,
            3,
            padding=1,
            padding_mode=padding_mode,
            dtype=torch.float64,
        )
        convolve.load_state_dict({"weight": convolution.weight, "bias": convolution.bias})
        modules += [convolve, nn.ReLU()]
    activation, activations = (rgb - MEAN) / STD, []
    with torch.no_grad():
        for module in nn.Sequential(*modules):
            activation = module(activation)
            if isinstance(module, nn.ReLU):
                activations.append(activation)
    return dict(zip(LAYERS, activations, strict=True))


def passing_red() -> Convolution:
    """Returns a convolution that passes the first channel on unchanged."""
    weight = torch.zeros(3, 3, 3, 3)
    weight[0, 0, 1, 1] = 1
    return Convolution(weight, torch.zeros(3))


def test_names_are_those_of_the_papers() -> None:
    assert [str(layer) for layer in vgg_layers(TINY_BLOCKS)] == list(LAYERS)
    assert len(list(vgg_layers(VGG16_BLOCKS))) == 13
    assert [str(layer) for layer in vgg_layers(VGG19_BLOCKS)][15:] == ["relu5_4"]


def test_each_block_halves_the_sides() -> None:
    actual = features(tiny_vgg(), RGB, LAYERS)

    sides = [(66, 53), (33, 26), (16, 13), (8, 6), (8, 6), (4, 3)]
    assert {name: tuple(activation.shape) for name, activation in actual.items()} == {
        name: (1, channels, *side)
        for name, channels, side in zip(LAYERS, TINY_CHANNELS, sides, strict=True)
    }


def test_several_pictures_are_read_as_each_alone() -> None:
    pictures = torch.cat([random_rgb(32, 48, seed=seed) for seed in (1, 2)])

    together = features(tiny_vgg(), pictures, LAYERS)

    for index in (0, 1):
        for name, activation in features(tiny_vgg(), pictures[index : index + 1], LAYERS).items():
            torch.testing.assert_close(together[name][index : index + 1], activation)


@pytest.mark.parametrize("pooling", Pooling)
def test_activations_are_those_of_torchs_own_modules(pooling: Pooling) -> None:
    expected = reference_features(RGB, pooling, "replicate")

    actual = features(tiny_vgg(pooling), RGB, LAYERS)

    for name in LAYERS:
        torch.testing.assert_close(actual[name], expected[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pooling", Pooling)
def test_repeated_border_changes_nothing_within(pooling: Pooling) -> None:
    expected = reference_features(RGB, pooling, "zeros")

    actual = features(tiny_vgg(pooling), RGB, LAYERS)

    margin = 0
    for name in LAYERS:
        # Pooling halves what the border has reached; each convolution carries it one further.
        margin = (margin + 1) // 2 + 1 if name.endswith("_1") else margin + 1
        within = (..., slice(margin, -margin), slice(margin, -margin))
        if actual[name][within].numel() > 0:
            torch.testing.assert_close(actual[name][within], expected[name][within])
        assert not torch.allclose(actual[name], expected[name])


def test_plain_picture_has_no_edge_at_its_border() -> None:
    plain = torch.full((1, 3, 32, 32), 0.8, dtype=torch.float64)

    activation = features(tiny_vgg(), plain, ["relu1_1"])["relu1_1"]

    assert activation.any()
    torch.testing.assert_close(activation, activation[:, :, :1, :1].expand_as(activation))


@pytest.mark.parametrize(("pooling", "pooled"), [(Pooling.AVERAGE, 0.7), (Pooling.MAX, 1.0)])
def test_pooling_takes_the_mean_or_the_largest_of_four(pooling: Pooling, pooled: float) -> None:
    network = VGG([passing_red(), passing_red()], (1, 1), pooling=pooling)
    rgb = torch.tensor([[0.5, 0.6], [0.7, 1.0]]).expand(1, 3, 2, 2)

    red = features(network, rgb, ["relu2_1"])["relu2_1"][0, 0]

    assert red.item() == pytest.approx((pooled - IMAGENET_MEAN[0]) / IMAGENET_STD[0])


@pytest.mark.parametrize("layers", [["relu6_1"], ["relu4_3"], ["relu1_1", "conv1_1"], [""]])
def test_layer_that_the_network_lacks_is_refused(layers: list[str]) -> None:
    network, fuse = tiny_vgg(), Fuse()

    with (
        network.interrupted_by(fuse),
        pytest.raises(ValueError, match=f"no layer {layers[-1]}"),
    ):
        features(network, RGB, layers)

    assert fuse.calls == 0


@pytest.mark.parametrize(
    ("layers", "convolutions"),
    [
        (["relu1_1"], 1),
        (["relu3_1", "relu2_1"], 3),
        ({"relu4_2"}, 5),
        (("relu1_1", "relu5_1"), 6),
        (["relu2_1", "relu2_1"], 2),
        ([], 0),
    ],
)
def test_nothing_beyond_the_deepest_layer_is_computed(
    layers: Collection[str], convolutions: int
) -> None:
    network, fuse = tiny_vgg(), Fuse()

    with network.interrupted_by(fuse):
        activations = features(network, RGB, layers)

    assert fuse.calls == convolutions
    assert set(activations) == set(layers)


@pytest.mark.parametrize("call", range(1, len(LAYERS) + 1))
def test_interrupt_ends_the_forward_pass_before_any_layer(call: int) -> None:
    network, fuse = tiny_vgg(), Fuse(call)

    with network.interrupted_by(fuse), pytest.raises(Burnt):
        features(network, RGB, LAYERS)

    assert fuse.calls == call


def test_interrupt_is_called_before_every_layer_of_the_backward_pass() -> None:
    network, fuse = tiny_vgg(), Fuse()
    rgb = RGB.clone().requires_grad_()

    with network.interrupted_by(fuse):
        activations = features(network, rgb, LAYERS)
        forward = fuse.calls
        loss = torch.stack([activation.sum() for activation in activations.values()]).sum()
        torch.autograd.grad(loss, rgb)

    assert (forward, fuse.calls) == (len(LAYERS), 2 * len(LAYERS))


def test_nothing_is_called_after_the_context() -> None:
    network, fuse = tiny_vgg(), Fuse()

    with network.interrupted_by(fuse):
        pass
    features(network, RGB, LAYERS)

    assert fuse.calls == 0


@pytest.mark.parametrize("call", range(1, len(LAYERS) + 1))
def test_interrupt_ends_the_backward_pass_before_any_layer(call: int) -> None:
    network, fuse = tiny_vgg(), Fuse(len(LAYERS) + call)
    rgb = RGB.clone().requires_grad_()

    with network.interrupted_by(fuse):
        deepest = features(network, rgb, LAYERS)[LAYERS[-1]]
        with pytest.raises(Burnt):
            torch.autograd.grad(deepest.sum(), rgb)

    assert fuse.calls == len(LAYERS) + call


@pytest.mark.parametrize("blocks", [(1, 1, 1, 1, 1), (1, 1, 1, 2, 2), ()])
def test_convolutions_that_do_not_make_the_blocks_are_refused(blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="6 convolutions"):
        VGG(tiny_convolutions(), blocks, pooling=Pooling.MAX)


def test_weights_take_no_gradient() -> None:
    convolutions = [
        replace(each, weight=each.weight.requires_grad_(), bias=each.bias.requires_grad_())
        for each in tiny_convolutions()
    ]
    rgb = RGB.clone().requires_grad_()

    network = VGG(convolutions, TINY_BLOCKS, pooling=Pooling.AVERAGE)
    deepest = features(network, rgb, LAYERS)["relu5_1"]
    torch.autograd.backward(deepest.sum())

    assert rgb.grad is not None
    assert all(each.weight.grad is None and each.bias.grad is None for each in convolutions)


def test_picture_without_gradient_leaves_no_graph_behind() -> None:
    actual = features(tiny_vgg(), RGB, LAYERS)

    assert not any(activation.requires_grad for activation in actual.values())


@pytest.mark.parametrize(("height", "width"), [(16, 16), (21, 19)])
def test_wide_layers_are_convolutions_like_any_other(height: int, width: int) -> None:
    # From 128 channels and 256 positions on they are calculated by Winograd's algorithm.
    generator = torch.Generator().manual_seed(4)
    wide = [
        Convolution(
            torch.randn(128, channels, 3, 3, generator=generator) / (3 * channels**0.5),
            torch.randn(128, generator=generator),
        )
        for channels in (3, 128, 128)
    ]
    rgb = random_rgb(height, width, seed=5, dtype=torch.float32).requires_grad_()

    def activation_and_gradient(network: VGG) -> tuple[Tensor, Tensor]:
        activation = features(network, rgb, ["relu1_3"])["relu1_3"]
        (gradient,) = torch.autograd.grad(activation.square().sum(), rgb)
        return activation, gradient

    def network(dtype: torch.dtype) -> VGG:
        return VGG(wide, (3,), pooling=Pooling.MAX, dtype=dtype)

    # In float64 torch's own convolution is used.
    (winograd, gradient), (expected, expected_gradient) = (
        activation_and_gradient(network(torch.float32)),
        activation_and_gradient(network(torch.float64)),
    )

    torch.testing.assert_close(winograd.double(), expected.double(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        gradient, expected_gradient, rtol=1e-3, atol=1e-3 * gradient.abs().max().item()
    )
