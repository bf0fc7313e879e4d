"""The programs that Impasto is compared with, unmodified but for Impasto's weights.

Both are public, and you clone them to run a benchmark: github.com/ProGamerGov/neural-style-pt
and github.com/crowsonkb/style-transfer-pytorch.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from impasto_daemon.models import weights
from impasto_daemon.style_transfer.networks.network import IMAGENET_MEAN, IMAGENET_STD
from impasto_daemon.style_transfer.networks.vgg import VGG19_BLOCKS

# Indices of torchvision's modules of VGG-19: relu1_1 … relu5_1, and relu4_2.
STYLE_INDICES = [1, 6, 11, 20, 29]
CONTENT_INDEX = 22
# The root mean square at relu4_2 for the astronaut in torchvision's VGG-19, and in the original.
TORCHVISION_SCALE = 1.7 / 927


def vgg19_features() -> nn.Sequential:
    """Returns Impasto's network in the layout of torchvision, for normalised RGB."""
    modules: list[nn.Module] = []
    convolutions = iter(weights.vgg19_convolutions())
    for count in VGG19_BLOCKS:
        for _ in range(count):
            convolution = next(convolutions)
            outputs, inputs = convolution.weight.shape[:2]
            module = nn.Conv2d(inputs, outputs, 3, padding=1)
            module.weight = nn.Parameter(convolution.weight)
            module.bias = nn.Parameter(convolution.bias)
            modules += [module, nn.ReLU(inplace=True)]
        modules.append(nn.MaxPool2d(2))
    return nn.Sequential(*modules)


def scale_activations(features: nn.Sequential, factor: float) -> nn.Sequential:
    """Returns `features`, changed in place so that every activation is multiplied by `factor`.

    A ReLU network is homogeneous: the factor passes through every layer whose bias has it, too.
    """
    convolutions = [module for module in features if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        convolutions[0].weight *= factor
        for convolution in convolutions:
            if convolution.bias is not None:
                convolution.bias *= factor
    return features


def torchvision_like_features() -> nn.Sequential:
    """Returns Impasto's network with activations of the size that torchvision's VGG-19 has.

    The weights of style-transfer-pytorch's losses are tuned to these.
    """
    return scale_activations(vgg19_features(), TORCHVISION_SCALE)


def write_caffe_weights(folder: Path) -> Path:
    """Writes Impasto's network for neural-style-pt: input is BGR minus Caffe's mean.

    Its activations keep their size: the network that it downloads by default is Caffe's, too.
    """
    features = vgg19_features()
    first: Any = features[0]
    std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    caffe_mean = torch.tensor((123.68, 116.779, 103.939)).view(1, 3, 1, 1) / 255
    with torch.no_grad():
        weight = first.weight / (255 * std)  # of RGB in 0 to 255
        first.bias += (first.weight / std * (caffe_mean - mean)).sum(dim=(1, 2, 3))
        first.weight.copy_(weight.flip(1))
    path = folder / "vgg19-impasto.pth"
    torch.save({f"features.{key}": value for key, value in features.state_dict().items()}, path)
    return path


def neural_style_pt(
    clone: Path, photo: Path, painting: Path, folder: Path, size: int, evaluations: int, *more: str
) -> Iterator[tuple[float, float]]:
    """Runs it with its defaults; yields the seconds since the first loss, and the loss."""
    command = [
        *(sys.executable, str(clone / "neural_style.py")),
        *(("-gpu", "0") if torch.cuda.is_available() else ("-gpu", "c", "-backend", "mkl")),
        *("-model_file", str(write_caffe_weights(folder)), "-disable_check"),
        *("-content_image", str(photo), "-style_image", str(painting)),
        *("-image_size", str(size), "-num_iterations", str(evaluations), "-seed", "0"),
        *("-print_iter", "1", "-save_iter", "0", "-output_image", str(folder / "nspt.png"), *more),
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    started_s = None
    with subprocess.Popen(  # noqa: S603 - what the user has cloned
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as process:
        for line in process.stdout or ():
            if match := re.search(r"Total loss: (\S+)", line):
                started_s = started_s or time.monotonic()
                yield time.monotonic() - started_s, float(match[1])
    if process.returncode:
        raise RuntimeError(f"neural-style-pt ended with status {process.returncode}")


_DRIVE = """
import sys, time
from types import SimpleNamespace
clone, photo, painting, output, size, first, others = sys.argv[1:]
sys.path[:0] = [clone, {here!r}]
from PIL import Image
from torchvision import models
import others as ours
# Its web page needs packages that painting does not.
sys.modules["style_transfer.web_interface"] = SimpleNamespace(WebInterface=None)
models.vgg19 = lambda weights: SimpleNamespace(features=ours.torchvision_like_features())
from style_transfer.style_transfer import StyleTransfer
transfer = StyleTransfer(["cuda:0" if ours.torch.cuda.is_available() else "cpu"])
started = time.monotonic()
picture = transfer.stylize(
    Image.open(photo).convert("RGB"), [Image.open(painting).convert("RGB")],
    end_scale=int(size), initial_iterations=int(first), iterations=int(others),
    callback=lambda step: print("step", step.w, step.h, time.monotonic() - started, flush=True),
)
transfer.get_image().save(output)
"""


def style_transfer_pytorch(
    clone: Path, photo: Path, painting: Path, output: Path, size: int, first: int, others: int
) -> Iterator[tuple[int, float]]:
    """Runs it with its defaults but the iterations; yields width and seconds of each step."""
    program = _DRIVE.format(here=str(Path(__file__).parent))
    arguments = [str(clone), str(photo), str(painting), str(output), str(size)]
    with subprocess.Popen(  # noqa: S603 - what the user has cloned
        [sys.executable, "-c", program, *arguments, str(first), str(others)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            if line.startswith("step "):
                _, width, _, seconds = line.split()
                yield int(width), float(seconds)
    if process.returncode:
        raise RuntimeError(f"style-transfer-pytorch ended with status {process.returncode}")
