"""Painting on a device without float64 and without pooling in channels_last."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from daemon.style_transfer.networks.small_gpu import DEVICE, OnDevice, Refused, SmallGpu
from daemon.style_transfer.networks.tiny_network import TINY_BLOCKS, random_image, tiny_convolutions
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import ContentLoss, Mode, Optimizer, Pooling, StyleLoss, StyleSettings
from impasto_shared.style import Style

PHOTO = random_image(70, 50, PixelFormat.RGB_U8, seed=1)
PAINTING = Style(random_image(60, 60, PixelFormat.RGB_U8, seed=2))


@pytest.fixture
def device() -> Iterator[torch.device]:
    with SmallGpu():
        yield DEVICE


def painted(settings: StyleSettings, device: torch.device, available_bytes: float) -> Image:
    convolutions = tiny_convolutions(torch.float32)
    network = VGG(convolutions, TINY_BLOCKS, pooling=settings.pooling, device=device)
    return stylize(network, PHOTO, [PAINTING], settings, available_bytes=available_bytes)


def assert_alike(one: Image, other: Image) -> None:
    first, second = (np.frombuffer(image.pixels, "u1").astype(int) for image in (one, other))
    # Sums in another order, which L-BFGS magnifies; a wrong calculation changes it throughout.
    assert np.abs(first - second).mean() < 1


@pytest.mark.parametrize(
    "settings",
    [
        *({"style_loss": loss} for loss in StyleLoss),
        *({"content_loss": loss} for loss in ContentLoss),
        *({"optimizer": optimizer} for optimizer in Optimizer),
        {"mode": Mode.TEXTURE},
        {"mode": Mode.CONTENT},
        {"colours": "photo"},
        {"pooling": Pooling.MAX},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
@pytest.mark.parametrize("available_bytes", [math.inf, 0], ids=["untiled", "tiled"])
def test_painting_is_that_of_the_processor(
    device: torch.device, settings: dict[str, object], available_bytes: float
) -> None:
    chosen = StyleSettings(**{"size": 70, "iterations": 4, **settings})  # type: ignore[arg-type]

    there = painted(chosen, device, available_bytes)

    assert_alike(there, painted(chosen, torch.device("cpu"), available_bytes))


def test_tileable_painting_is_that_of_the_processor(device: torch.device) -> None:
    settings = StyleSettings(size=70, iterations=4, tileable=True)

    there = painted(settings, device, math.inf)

    assert_alike(there, painted(settings, torch.device("cpu"), math.inf))


def test_pretended_device_refuses_what_it_does_not_have(device: torch.device) -> None:
    tensor = torch.rand(1, 2, 8, 8).to(device)
    assert isinstance(tensor, OnDevice)
    laid_out = tensor.contiguous(memory_format=torch.channels_last)

    with pytest.raises(Refused, match="float64"):
        tensor.double()
    with pytest.raises(Refused, match="two devices"):
        tensor + torch.rand(8)
    with pytest.raises(Refused, match="channels_last"):
        torch.nn.functional.max_pool2d(laid_out, 2)
    assert torch.equal((tensor + 1).cpu(), tensor.numbers + 1)
