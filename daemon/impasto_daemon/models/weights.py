"""The weights of the networks: whether they are here and whole, how they become a network.

It knows files and downloads, and nothing of pictures. torchvision is imported only where it is
really asked, since that takes seconds.
"""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path

import h5py
import torch
from torch import Tensor

from impasto_daemon.models.cache import (
    HED_PACKAGE,
    cached_file,
    hub_folder,
    installed_hed,
    sha256_prefix,
)
from impasto_daemon.models.torchvision_models import (
    build_model,
    published_weights,
    vgg_blocks,
    vgg_convolutions,
)
from impasto_daemon.style_transfer.networks.network import IMAGENET_MEAN, IMAGENET_STD, Network
from impasto_daemon.style_transfer.networks.vgg import VGG, VGG16_BLOCKS, Convolution
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.settings import Model, Pooling

# A server that says nothing for so long will not say anything any more.
DOWNLOAD_TIMEOUT_S = 15.0

_HED_SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
# Blue, green and red as Caffe's networks have them removed, in 0 to 255.
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


class WeightsMissing(ImpastoError):
    """A network's weights are not on this machine, and cannot be had."""

    code = ErrorCode.WEIGHTS_MISSING


class WeightsDamaged(WeightsMissing):
    """A file of weights is not what it was published as."""


@dataclass(frozen=True)
class CachedWeights:
    """What this machine has of a model: its file, None where there is none."""

    model: Model
    path: Path | None


def resolve(model: str) -> str:
    """The model meant: for `auto` vgg19 where its weights are on the machine, else vgg16-hed."""
    if model != Model.AUTO:
        return model
    return Model.VGG19 if _cached(Model.VGG19) is not None else Model.VGG16_HED


def load_network(
    model: str,
    pooling: Pooling,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Network:
    """The network of that name, calculating in `dtype`; one not on the machine is downloaded.

    Raises:
        InvalidSettings: where there is no model of that name.
        WeightsMissing: where it cannot be had.
        WeightsDamaged: where its file is not as it was published.
    """
    model = resolve(model)
    vgg = partial(VGG, pooling=pooling, device=device, dtype=dtype)
    if model == Model.VGG16_HED:
        return vgg(hed_convolutions(), VGG16_BLOCKS)
    path = _cached(model)
    if path is None:
        path = download(model, progress=False)
    _check_hub_file(model, path)
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    if blocks := vgg_blocks(model):
        return vgg(vgg_convolutions(state), blocks)
    from impasto_daemon.style_transfer.networks.traced_network import TracedNetwork

    try:
        whole = build_model(model, state)
    except RuntimeError as error:
        raise WeightsDamaged(
            f"The weights in {path} are not those of the model {model} ({error}). Move the file "
            f"away and run: impasto weights fetch {model}"
        ) from error
    return TracedNetwork(whole, pooling=pooling, device=device, dtype=dtype)


def list_cached() -> list[CachedWeights]:
    """What the machine has of each model to choose from."""
    return [
        CachedWeights(model, installed_hed() if model is Model.VGG16_HED else _cached(model))
        for model in Model
        if model is not Model.AUTO
    ]


def fetch(model: str) -> Path:
    """The file of a model, downloaded if it is missing or damaged; progress on standard error.

    Raises:
        InvalidSettings: where there is no model of that name.
        WeightsMissing: where it cannot be had.
    """
    model = resolve(model)
    if model == Model.VGG16_HED:
        return verify(model)
    cached = _cached(model)
    if cached is not None:
        try:
            return _check_hub_file(model, cached)
        except WeightsDamaged:
            cached.unlink()
    return download(model, progress=True)


def verify(model: str) -> Path:
    """The file of a model after reading it whole.

    Raises:
        InvalidSettings: where there is no model of that name.
        WeightsMissing: where it is not on the machine.
        WeightsDamaged: where it is not as it was published.
    """
    model = resolve(model)
    if model == Model.VGG16_HED:
        return _checked_hed()
    cached = _cached(model)
    if cached is None:
        size_mb = published_weights(model).meta["_file_size"]
        raise WeightsMissing(
            f"The weights of {model} are not on this machine. To download them ({size_mb:.0f} MB), "
            f"run: impasto weights fetch {model}"
        )
    return _check_hub_file(model, cached)


def download(model: str, *, progress: bool) -> Path:
    """Gets a model's file by torchvision's own way, checks it, and keeps it in torch hub's folder.

    Raises:
        InvalidSettings: where there is no model of that name.
        WeightsMissing: where it cannot be downloaded, or is not as published; nothing is kept.
    """
    weights = published_weights(model)
    path = hub_folder() / str(weights.url).rpartition("/")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # torch hub speaks of the download on standard output, which is for what was asked for.
        with _socket_timeout(DOWNLOAD_TIMEOUT_S), redirect_stdout(sys.stderr):
            weights.get_state_dict(progress=progress, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, HTTPException) as error:
        raise WeightsMissing(
            f"The weights {path.name} could not be downloaded ({error}). Choose the model "
            f"{Model.VGG16_HED.value}, which is installed, or try again later: "
            f"impasto weights fetch {model}"
        ) from error
    return path


# torchvision's files, in torch hub's folder


def _cached(model: str) -> Path | None:
    """The file of one of torchvision's models; raises InvalidSettings where it has none such."""
    if found := cached_file(model):
        return found
    if model in frozenset(Model):  # their files are named after them
        return None
    return cached_file(published_weights(model).url.rpartition("/")[2].rpartition("-")[0])


def _check_hub_file(model: str, path: Path) -> Path:
    return _check(path, sha256_prefix(path), f"Run: impasto weights fetch {model}")


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


def _checked_hed() -> Path:
    path = installed_hed()
    if path is None:
        raise WeightsMissing(
            f"The embedded network is not installed: the package {HED_PACKAGE} is missing. Run "
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
