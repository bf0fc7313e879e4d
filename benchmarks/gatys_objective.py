"""Measures how soon Impasto's L-BFGS reaches the losses of neural-style-pt.

    python -m benchmarks gatys_objective NSPT [SIZE] [OPTION ...]

NSPT is a clone of neural-style-pt. It runs unmodified from the photo, with Impasto's weights and
its defaults except for the given options, such as -tv_weight 0. Then Impasto's L-BFGS minimises
the same objective at the same size from the same photo, with zero padding as in neural-style-pt,
until it reaches the same losses. Run with the environment of the tests, on a machine that does
nothing else.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
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
from impasto_daemon.style_transfer.optimizers.lbfgs import LBFGS
from impasto_daemon.style_transfer.planning.memory_plan import HISTORY
from others import CONTENT_INDEX, STYLE_INDICES, neural_style_pt, vgg19_features
from record import Table

PHOTO, PAINTING = samples.photo("chelsea"), samples.painting("auvers")
EVALUATIONS = 500
STYLE_LAYERS = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
CONTENT_LAYER = "relu4_2"
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT = 5.0, 100.0, 1e-3

Features = Callable[[Tensor], dict[str, Tensor]]


class Reached(Exception):
    """The last target loss has been reached, or the evaluations are used up."""


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns the losses of neural-style-pt, and when Impasto reaches each of them."""
    clone, size = Path(arguments[0]).resolve(), int(arguments[1]) if arguments[1:] else 512
    options = list(arguments[2:])
    tv_weight = (
        float(options[options.index("-tv_weight") + 1]) if "-tv_weight" in options else TV_WEIGHT
    )
    with tempfile.TemporaryDirectory() as name:
        theirs = list(
            neural_style_pt(
                clone, PHOTO, PAINTING, Path(name), size, EVALUATIONS, "-init", "image", *options
            )
        )
    targets = {count: _lowest(theirs[:count]) for count in (100, 200, 300, EVALUATIONS)}
    rows = [
        _row("neural-style-pt", count, theirs[count - 1][0], loss)
        for count, loss in targets.items()
    ]
    photo, painting = _read(PHOTO, size), _read(PAINTING, size)
    ours = _ours(photo, painting, tv_weight, list(targets.values()))
    rows += [_row("Impasto", *reached) for reached in ours]
    return Table(("Program", "Evaluations", "Seconds", "Loss"), rows)


def _row(program: str, count: int, seconds: float, loss: float) -> tuple[str, ...]:
    return program, str(count), f"{seconds:.0f}", f"{loss:.5g}"


def _lowest(run: list[tuple[float, float]]) -> float:
    return min(loss for _, loss in run)


def _read(path: Path, size: int) -> Tensor:
    """Returns a picture, (1, 3, H, W) in [0, 1], resized as by neural-style-pt."""
    with Image.open(path) as image:
        scale = size / max(image.size)
        fitted = image.convert("RGB").resize(
            (int(scale * image.width), int(scale * image.height)), Image.Resampling.BILINEAR
        )
    return torch.from_numpy(np.asarray(fitted).copy()).permute(2, 0, 1).unsqueeze(0).float() / 255


def _objective(
    features: Features, photo: Tensor, painting: Tensor, tv_weight: float
) -> Callable[[Tensor], Tensor]:
    """Returns the loss of neural-style-pt as a function of the picture."""
    with torch.no_grad():
        content = features(photo)[CONTENT_LAYER]
        activations = features(painting)
        styles = {layer: moments(activations[layer]).second for layer in STYLE_LAYERS}

    def loss(rgb: Tensor) -> Tensor:
        activations = features(rgb)
        total = CONTENT_WEIGHT * (activations[CONTENT_LAYER] - content).square().mean()
        for layer, style in styles.items():
            difference = (moments(activations[layer]).second - style) / len(style)
            total = total + STYLE_WEIGHT * difference.square().mean()
        steps = rgb.diff(dim=2).abs().sum() + rgb.diff(dim=3).abs().sum()
        return total + tv_weight * 255 * steps

    return loss


def _features() -> Features:
    """Returns the network with zero padding, by Impasto's convolutions."""
    modules = vgg19_features()[: STYLE_INDICES[-1] + 1].requires_grad_(requires_grad=False)
    names = {**dict(zip(STYLE_INDICES, STYLE_LAYERS, strict=True)), CONTENT_INDEX: CONTENT_LAYER}
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    layers = [_layer(module) for module in modules if not isinstance(module, nn.ReLU)]
    # A convolution and the ReLU at the next index are a single layer.
    indices = [
        index + isinstance(module, nn.Conv2d)
        for index, module in enumerate(modules)
        if not isinstance(module, nn.ReLU)
    ]

    def features(rgb: Tensor) -> dict[str, Tensor]:
        activations = {}
        activation = ((rgb - mean) / std).to(memory_format=torch.channels_last)
        for index, layer in zip(indices, layers, strict=True):
            activation = layer(activation)
            if index in names:
                activations[names[index]] = activation
        return activations

    return features


def _layer(module: nn.Module) -> Callable[[Tensor], Tensor]:
    if not isinstance(module, nn.Conv2d):
        return module
    weight = module.weight.to(memory_format=torch.channels_last)
    bias = module.bias
    if bias is None or min(weight.shape[:2]) < 128:
        return lambda activation: functional.conv2d(activation, weight, bias, padding=1).relu_()
    winograd = Winograd(module.weight, bias)

    def zero_padded(activation: Tensor) -> Tensor:
        padded = functional.pad(activation, (1, 1, 1, 1))
        return winograd(padded)[:, :, 1:-1, 1:-1]

    return zero_padded


def _ours(
    photo: Tensor, painting: Tensor, tv_weight: float, targets: list[float]
) -> list[tuple[int, float, float]]:
    """Returns evaluations, seconds and loss when each of the losses `targets` was reached."""
    objective = _objective(_features(), photo, painting, tv_weight)
    reached: list[tuple[int, float, float]] = []
    count, remaining = 0, list(targets)
    began_s = time.monotonic()

    def evaluate(rgb: Tensor) -> tuple[float, Tensor]:
        nonlocal count
        variable = rgb.detach().clone().requires_grad_()
        loss = objective(variable)
        (gradient,) = torch.autograd.grad(loss, variable)
        count += 1
        while remaining and loss.item() <= remaining[0]:
            reached.append((count, time.monotonic() - began_s, loss.item()))
            remaining.pop(0)
        if not remaining or count >= EVALUATIONS:
            raise Reached
        return loss.item(), gradient

    with contextlib.suppress(Reached):
        LBFGS().minimise(evaluate, photo, history=HISTORY)
    return reached
