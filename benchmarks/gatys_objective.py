"""How long until neural-style-pt's loss: python benchmarks/gatys_objective.py NSPT [SIZE] [MORE].

NSPT is a clone of neural-style-pt, run as it is from the photo, with the embedded weights and its
defaults; MORE are further options of its own, such as -tv_weight 0. Then L-BFGS as Impasto has it
minimises the same objective at the same size, from the photo too, until it is as low, with zeros
around every layer as neural-style-pt has them. Run with the environment of the tests, on a machine
that does nothing else.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import as_in_worker  # noqa: F401 - before torch

# isort: split
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

import samples
from impasto_daemon.style_transfer.losses.moments import moments
from impasto_daemon.style_transfer.networks.network import IMAGENET_MEAN, IMAGENET_STD
from impasto_daemon.style_transfer.networks.winograd import Winograd
from impasto_daemon.style_transfer.optimizers import lbfgs
from impasto_daemon.style_transfer.optimizers.preconditioner import BandCurvature
from others import CONTENT_PLACE, STYLE_PLACES, neural_style_pt, vgg16_features

PHOTO, PAINTING = samples.photo("chelsea"), samples.painting("auvers")
EVALUATIONS = 500
STYLE_LAYERS = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
CONTENT_LAYER = "relu4_2"
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT = 5.0, 100.0, 1e-3

Features = Callable[[Tensor], dict[str, Tensor]]


class Reached(Exception):
    """The loss asked for has been reached, or the evaluations are used up."""


def main() -> None:
    """Prints how far neural-style-pt comes, and when Impasto is as far."""
    clone, size = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 512
    more = sys.argv[3:]
    tv_weight = float(more[more.index("-tv_weight") + 1]) if "-tv_weight" in more else TV_WEIGHT
    with tempfile.TemporaryDirectory() as name:
        theirs = list(
            neural_style_pt(
                clone, PHOTO, PAINTING, Path(name), size, EVALUATIONS, "-init", "image", *more
            )
        )
    print("| Program | Evaluations | Seconds | Loss |\n| --- | --- | --- | --- |")
    for count in (100, 200, 300, EVALUATIONS):
        seconds, _ = theirs[count - 1]
        print(f"| neural-style-pt | {count} | {seconds:.0f} | {_lowest(theirs[:count]):.5g} |")
    wanted = [_lowest(theirs[:count]) for count in (100, 200, 300, EVALUATIONS)]
    photo, painting = _read(PHOTO, size), _read(PAINTING, size)
    for count, seconds, loss in _ours(photo, painting, tv_weight, wanted):
        print(f"| Impasto | {count} | {seconds:.0f} | {loss:.5g} |", flush=True)


def _lowest(run: list[tuple[float, float]]) -> float:
    return min(loss for _, loss in run)


def _read(path: Path, size: int) -> Tensor:
    """A picture at the size that neural-style-pt takes it at: (1, 3, H, W) in [0, 1]."""
    with Image.open(path) as image:
        scale = size / max(image.size)
        fitted = image.convert("RGB").resize(
            (int(scale * image.width), int(scale * image.height)), Image.Resampling.BILINEAR
        )
    return torch.from_numpy(np.asarray(fitted).copy()).permute(2, 0, 1).unsqueeze(0).float() / 255


def _objective(
    features: Features, photo: Tensor, painting: Tensor, tv_weight: float
) -> Callable[[Tensor], Tensor]:
    """The loss that neural-style-pt's options name, from what a network sees."""
    with torch.no_grad():
        content = features(photo)[CONTENT_LAYER]
        seen = features(painting)
        styles = {layer: moments(seen[layer]).second for layer in STYLE_LAYERS}

    def loss(rgb: Tensor) -> Tensor:
        seen = features(rgb)
        total = CONTENT_WEIGHT * (seen[CONTENT_LAYER] - content).square().mean()
        for layer, style in styles.items():
            apart = (moments(seen[layer]).second - style) / len(style)
            total = total + STYLE_WEIGHT * apart.square().mean()
        steps = rgb.diff(dim=2).abs().sum() + rgb.diff(dim=3).abs().sum()
        return total + tv_weight * 255 * steps

    return loss


def _features() -> Features:
    """The network with zeros around every layer, by Impasto's convolutions."""
    modules = vgg16_features()[: STYLE_PLACES[-1] + 1].requires_grad_(requires_grad=False)
    names = {**dict(zip(STYLE_PLACES, STYLE_LAYERS, strict=True)), CONTENT_PLACE: CONTENT_LAYER}
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    layers = [_layer(module) for module in modules if not isinstance(module, nn.ReLU)]
    # Each convolution has the ReLU after it, at the place after it, in one.
    places = [
        place + isinstance(module, nn.Conv2d)
        for place, module in enumerate(modules)
        if not isinstance(module, nn.ReLU)
    ]

    def features(rgb: Tensor) -> dict[str, Tensor]:
        found = {}
        activation = ((rgb - mean) / std).to(memory_format=torch.channels_last)
        for place, layer in zip(places, layers, strict=True):
            activation = layer(activation)
            if place in names:
                found[names[place]] = activation
        return found

    return features


def _layer(module: nn.Module) -> Callable[[Tensor], Tensor]:
    if not isinstance(module, nn.Conv2d):
        return module
    weight = module.weight.to(memory_format=torch.channels_last)
    bias = module.bias
    if min(weight.shape[:2]) < 128:
        return lambda activation: functional.conv2d(activation, weight, bias, padding=1).relu_()
    winograd = Winograd(module.weight, bias)

    def with_zeros_around(activation: Tensor) -> Tensor:
        padded = functional.pad(activation, (1, 1, 1, 1))
        return winograd(padded)[:, :, 1:-1, 1:-1]

    return with_zeros_around


def _ours(
    photo: Tensor, painting: Tensor, tv_weight: float, wanted: list[float]
) -> list[tuple[int, float, float]]:
    """When each of the losses `wanted` was reached: evaluations, seconds, loss."""
    objective = _objective(_features(), photo, painting, tv_weight)
    reached: list[tuple[int, float, float]] = []
    count, left = 0, list(wanted)
    began_s = time.monotonic()

    def evaluate(rgb: Tensor) -> tuple[float, Tensor]:
        nonlocal count
        variable = rgb.detach().clone().requires_grad_()
        loss = objective(variable)
        (gradient,) = torch.autograd.grad(loss, variable)
        count += 1
        while left and loss.item() <= left[0]:
            reached.append((count, time.monotonic() - began_s, loss.item()))
            left.pop(0)
        if not left or count >= EVALUATIONS:
            raise Reached
        return loss.item(), gradient

    with contextlib.suppress(Reached):
        lbfgs.minimise(evaluate, photo, BandCurvature())
    return reached


if __name__ == "__main__":
    main()
