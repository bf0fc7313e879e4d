"""The network as the programs that Impasto is compared with get it."""

import torch
from torch import Tensor, nn

from daemon.style_transfer.networks.tiny_network import random_rgb
from daemon.style_transfer.reading import features
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.networks.network import IMAGENET_MEAN, IMAGENET_STD
from impasto_shared.settings import Model, Pooling
from others import (
    CONTENT_INDEX,
    STYLE_INDICES,
    scale_activations,
    torchvision_like_features,
    vgg19_features,
)


def activations(network: nn.Sequential, image: Tensor) -> list[Tensor]:
    """Returns the activation after every module."""
    results = []
    with torch.no_grad():
        for module in network:
            image = module(image)
            results.append(image.clone())
    return results


def test_every_activation_is_scaled_exactly() -> None:
    image = random_rgb(32, 40, seed=9)
    network = vgg19_features().double()
    original = activations(network, image)

    scaled = activations(scale_activations(network, 1 / 512), image)

    # Not a bit is lost, since the factor is a power of two.
    assert len(scaled) == len(original) == 37
    assert all(before.any() for before in original)
    for before, after in zip(original, scaled, strict=True):
        assert torch.equal(after, before / 512)


def test_network_for_torchvisions_scale_differs_by_one_factor() -> None:
    image = random_rgb(32, 40, seed=9)

    original = activations(vgg19_features().double(), image)[CONTENT_INDEX]
    scaled = activations(torchvision_like_features().double(), image)[CONTENT_INDEX]

    # The weights are rounded to float32.
    torch.testing.assert_close(scaled, original * 1.7 / 927, rtol=1e-5, atol=1e-6)


def test_layers_have_the_indices_of_torchvisions_vgg19() -> None:
    rgb = random_rgb(64, 64, seed=10, dtype=torch.float32)
    names = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1", "relu4_2"]
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD))
    network = vgg19_features()
    for module in network:
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "replicate"

    actual = activations(network, (rgb - mean) / std)

    expected = features(load_network(Model.VGG19, Pooling.MAX), rgb, names)
    for name, index in zip(names, [*STYLE_INDICES, CONTENT_INDEX], strict=True):
        target = expected[name]
        torch.testing.assert_close(
            actual[index], target, rtol=1e-3, atol=1e-4 * target.max().item()
        )
