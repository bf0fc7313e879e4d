from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import Burnt, Fuse, random_image, random_rgb
from daemon.style_transfer.reading import features
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.guides import guide_at
from impasto_daemon.style_transfer.losses.objective import build_objective
from impasto_daemon.style_transfer.networks.network import IMAGENET_MEAN, IMAGENET_STD
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.errors import InvalidSettings
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Colours, Mode, Pooling, StyleLoss, StyleSettings
from impasto_shared.style import Style

if TYPE_CHECKING:
    # torchvision takes seconds, in every process that collects this test.
    from torchvision.models.resnet import ResNet

    from impasto_daemon.style_transfer.networks.traced_network import TracedNetwork

MERGES = ("layer1.0.add", "layer2.0.add", "layer3.0.add", "layer3.1.add", "layer4.0.add")
SETTINGS = StyleSettings(size=48, iterations=4)


def residual() -> ResNet:
    """Makes the smallest ResNet with all stand-ins for VGG's layers, the same at every call."""
    from torchvision.models.resnet import BasicBlock, ResNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = ResNet(BasicBlock, [1, 1, 2, 1], num_classes=2)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):  # as if it had been trained
                assert module.running_mean is not None
                assert module.running_var is not None
                for values in (module.weight, module.running_var):
                    nn.init.uniform_(values, 0.5, 1.5)
                for values in (module.bias, module.running_mean):
                    nn.init.normal_(values, std=0.1)
    return model


def traced(dtype: torch.dtype = torch.float64, pooling: Pooling = Pooling.MAX) -> TracedNetwork:
    return traced_network(residual(), pooling, dtype)


def traced_network(
    model: nn.Module, pooling: Pooling = Pooling.MAX, dtype: torch.dtype = torch.float32
) -> TracedNetwork:
    from impasto_daemon.style_transfer.networks.traced_network import TracedNetwork

    return TracedNetwork(model, pooling=pooling, dtype=dtype)


def stand_ins() -> Mapping[str, str]:
    """Returns the nodes of a ResNet that stand for VGG's layers."""
    from impasto_daemon.style_transfer.networks.traced_network import RESIDUAL_STAND_INS

    return RESIDUAL_STAND_INS


def read(network: TracedNetwork, rgb: Tensor, *layers: str) -> dict[str, Tensor]:
    return features(network, rgb, layers)


def torchvisions_own(rgb: Tensor) -> dict[str, Tensor]:
    """Returns torchvision's own activations at the merges and modules, with replicate padding.

    A merge is the input of a block, reduced if the block reduces it, plus the result of its last
    normalisation; hooks record both.
    """
    model = residual().double().eval()
    passed: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "replicate"

        def record(
            _: nn.Module, inputs: tuple[Tensor, ...], result: Tensor, name: str = name
        ) -> None:
            passed.setdefault(f"into {name}", inputs[0].clone())
            passed[name] = result.clone()

        module.register_forward_pre_hook(
            lambda _, inputs, name=name: passed.update({f"into {name}": inputs[0].clone()})
        )
        module.register_forward_hook(record)
    mean, std = (
        torch.tensor(colours, dtype=torch.float64).view(1, 3, 1, 1)
        for colours in (IMAGENET_MEAN, IMAGENET_STD)
    )
    with torch.no_grad():
        model((rgb - mean) / std)
    for merge in MERGES:
        block = merge.removesuffix(".add")
        passed[merge] = passed[f"{block}.bn2"] + passed.get(
            f"{block}.downsample", passed[f"into {block}"]
        )
    return passed


@pytest.mark.parametrize(("height", "width"), [(64, 96), (45, 38)])
def test_activations_are_those_of_torchvision(height: int, width: int) -> None:
    rgb = random_rgb(height, width, seed=1)
    expected = torchvisions_own(rgb)

    # The last node of a module is the module's result.
    activations = read(traced(), rgb, *MERGES, "bn1", "layer1", "layer3.1", "layer4.0.bn2")

    assert len(activations) == len(MERGES) + 4
    for layer, activation in activations.items():
        torch.testing.assert_close(activation, expected[layer], rtol=1e-12, atol=1e-12)
    # The ReLU that follows changes them in place.
    assert all((activations[merge] < 0).any() for merge in MERGES)


def test_names_of_vggs_layers_mean_the_merges() -> None:
    rgb = random_rgb(40, 56, seed=2)

    activations = read(traced(), rgb, *stand_ins(), *MERGES, "relu")

    for vggs, merge in stand_ins().items():
        assert torch.equal(activations[vggs], activations[merge])


def test_depth_is_that_of_the_node_whatever_its_name() -> None:
    network = traced()

    depths = [network.depth(layer) for layer in stand_ins()]

    assert depths == sorted(set(depths))
    assert network.depth("relu3_1") == network.depth("layer2.0.add")
    with pytest.raises(ValueError, match="no layer relu9_1"):
        network.depth("relu9_1")


def test_plain_image_has_no_edge_at_its_border() -> None:
    plain = torch.full((1, 3, 64, 64), 0.3, dtype=torch.float64)

    activation = read(traced(), plain, "layer4.0.add")["layer4.0.add"]

    torch.testing.assert_close(
        activation, activation[..., :1, :1].expand_as(activation), rtol=1e-9, atol=1e-9
    )


def test_pooling_is_the_chosen_one() -> None:
    rgb = random_rgb(32, 32, seed=4)
    below = read(traced(), rgb, "relu")["relu"]

    highest, mean = (
        read(traced(pooling=pooling), rgb, "maxpool")["maxpool"]
        for pooling in (Pooling.MAX, Pooling.AVERAGE)
    )

    assert torch.equal(highest, functional.max_pool2d(below, 3, 2, 1))
    expected = functional.avg_pool2d(below, 3, 2, 1, count_include_pad=False)
    torch.testing.assert_close(mean, expected)


@pytest.mark.parametrize("loss", [StyleLoss.WASSERSTEIN, StyleLoss.GRAM])
def test_gradient_is_that_of_finite_differences(loss: StyleLoss) -> None:
    photo, painting, rgb, direction = (random_rgb(32, 40, seed=seed) for seed in range(5, 9))
    objective = build_objective(
        traced(), photo, [Region([Painting(painting)])], StyleSettings(style_loss=loss)
    )

    _, gradient = objective.loss_and_gradient(rgb)

    step = 1e-8  # so small that hardly any of its ReLUs has a kink within
    with torch.no_grad():
        higher, lower = (objective(rgb + sign * step * direction) for sign in (1, -1))
    along = (gradient * direction).sum().item()
    assert along == pytest.approx((higher - lower).item() / (2 * step), rel=1e-4)
    assert abs(along) > 1e-6


def test_nothing_beyond_the_deepest_layer_is_computed() -> None:
    network, rgb = traced(), random_rgb(32, 32, seed=9)
    calls = {}
    for layer in ("conv1", "layer1.0.add", "layer4.0.add"):
        fuse = Fuse()
        with network.interrupted_by(fuse):
            read(network, rgb, layer)
        calls[layer] = fuse.calls

    assert 0 < calls["conv1"] < calls["layer1.0.add"] < calls["layer4.0.add"]


def test_pass_can_be_ended_before_every_layer_in_both_directions() -> None:
    network = traced()
    rgb = random_rgb(32, 32, seed=10).requires_grad_()
    counter = Fuse()

    def passes(layer: str = "layer2.0.add") -> int:
        activation = read(network, rgb, layer)[layer]
        forward = counter.calls
        torch.autograd.backward(activation.sum())
        return forward

    with network.interrupted_by(counter):
        forward = passes()
    assert counter.calls > forward + 10

    for limit in (1, forward, forward + 1, counter.calls):
        with network.interrupted_by(Fuse(limit)), pytest.raises(Burnt):
            passes()


def test_weights_take_no_gradient_and_stay_as_they_are() -> None:
    model = residual()
    before = copy.deepcopy(model.state_dict())
    network = traced_network(model)
    rgb = random_rgb(32, 32, seed=11, dtype=torch.float32).requires_grad_()

    torch.autograd.backward(read(network, rgb, "layer4.0.add")["layer4.0.add"].sum())

    assert rgb.grad is not None
    assert all(weight.grad is None for weight in model.parameters())
    # Nor do its running means change.
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())


def test_mask_is_reduced_by_area_to_what_the_layer_has() -> None:
    mask = torch.zeros(1, 1, 64, 48)
    mask[..., :16] = 1

    guide = guide_at(traced(), "layer3.0.add", mask)

    assert guide is not None
    assert guide.weights(4, 3).flatten().tolist() == pytest.approx([0.25, 0, 0] * 4)


# What cannot be had


@pytest.mark.parametrize("layers", [{"style_layers": "relu3_4"}, {"content_layers": "layer5.0"}])
def test_missing_layer_is_refused_with_those_there_are(layers: Mapping[str, Any]) -> None:
    picture = random_rgb(32, 32, seed=12)

    with pytest.raises(InvalidSettings, match=r"no layer .*choose from: conv1, .*layer3\.1") as met:
        build_objective(traced(), picture, [Region([Painting(picture)])], StyleSettings(**layers))

    assert met.value.field == next(iter(layers))


class Flattening(nn.Module):
    """Takes pictures of 32 × 48 pixels only, and has layers without rows and columns."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        self.dense = nn.Linear(2 * positions, 4)

    def forward(self, rgb: Tensor) -> Tensor:
        return self.dense(self.conv(rgb).flatten(1))


def test_layer_without_rows_and_columns_is_refused() -> None:
    network = traced_network(Flattening(32 * 48))

    with pytest.raises(
        InvalidSettings, match=r"layer dense of this network does not follow .*\(1 × 4\)"
    ):
        read(network, random_rgb(32, 48, seed=13, dtype=torch.float32), "dense")


class Splitting(nn.Module):
    """Has a layer whose result is no tensor but a tuple of two."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, rgb: Tensor) -> Tensor:
        first, second = self.conv(rgb).chunk(2, dim=1)
        return first + second


def test_layer_without_numbers_is_refused() -> None:
    network = traced_network(Splitting())

    with pytest.raises(InvalidSettings, match="layer chunk of this network"):
        read(network, random_rgb(32, 48, seed=13, dtype=torch.float32), "chunk")


def test_network_for_pictures_of_one_size_is_refused() -> None:
    network = traced_network(Flattening(7))

    with pytest.raises(InvalidSettings, match="accepts pictures of one size only"):
        read(network, random_rgb(32, 48, seed=14, dtype=torch.float32), "dense")
    assert read(network, random_rgb(32, 48, seed=14, dtype=torch.float32), "conv")


# Whole pictures

PHOTO = random_image(48, 40, PixelFormat.RGB_U8, seed=15)
PAINTING = random_image(52, 44, PixelFormat.RGB_U8, seed=16)


def painted(settings: StyleSettings, *styles: Style, available_bytes: float = 1e12) -> Image:
    return stylize(traced(torch.float32), PHOTO, styles, settings, available_bytes=available_bytes)


@pytest.mark.parametrize("mode", Mode)
def test_picture_is_painted_with_the_settings_of_a_vgg(mode: Mode) -> None:
    settings = StyleSettings(size=48, iterations=4, mode=mode)
    losses: list[float] = []

    picture = stylize(
        traced(torch.float32),
        PHOTO,
        [Style(PAINTING)],
        settings,
        on_step=lambda step: losses.append(step.loss),
    )

    assert (picture.width, picture.height) == (48, 40)
    assert bytes(picture.pixels) != bytes(PHOTO.pixels)
    assert min(losses) < losses[0]
    again = painted(settings, Style(PAINTING))
    assert bytes(picture.pixels) == bytes(again.pixels)


def test_style_goes_where_its_region_is() -> None:
    left = bytes(255 * (column < 24) for _ in range(40) for column in range(48) for _ in range(3))
    region = Image(48, 40, PixelFormat.RGB_U8, left)
    settings = StyleSettings(size=48, iterations=6, style_layers="layer1.0", colours=Colours.PHOTO)

    everywhere = painted(settings, Style(PAINTING))
    in_region = painted(settings, Style(PAINTING, region=region))

    assert bytes(everywhere.pixels) != bytes(in_region.pixels)


def test_tileable_pictures_are_refused_with_the_setting_to_change() -> None:
    with pytest.raises(InvalidSettings, match="Only VGG networks") as met:
        painted(StyleSettings(size=48, tileable=True), Style(PAINTING))

    assert met.value.field == "tileable"


def test_too_little_memory_is_an_error_at_once() -> None:
    with pytest.raises(MemoryError, match="cannot be run in tiles"):
        painted(SETTINGS, Style(PAINTING), available_bytes=1e9)


def test_memory_is_what_the_layers_down_to_the_deepest_take() -> None:
    network = traced(torch.float32)

    def conv1_and(*others: str) -> float:
        return network.untiled_bytes(["conv1", *others])

    # 64 channels at half the picture's rows and columns, 4 bytes each, and as much for gradients.
    assert conv1_and() - network.untiled_bytes([]) == pytest.approx(2.2 * 64 / 4 * 4, rel=0.3)
    assert conv1_and() < conv1_and("layer1.0") < conv1_and("layer4.0")
    assert conv1_and("bn1", "relu", "fire9") < conv1_and("layer1.0")
