"""The weights of the networks: downloading, verifying and loading them.

It handles files, not pictures. torchvision is imported only where it is needed, since that takes
seconds.
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
from impasto_shared.settings import SETTINGS, Model, Pooling

# A server that is silent for this long will not answer any more.
DOWNLOAD_TIMEOUT_S = 15.0

_HED_SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
# The means of blue, green and red that Caffe's networks subtract, in [0, 255].
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


class WeightsMissing(ImpastoError):
    """A network's weights are not on this machine, and cannot be downloaded."""

    code = ErrorCode.WEIGHTS_MISSING


class WeightsDamaged(WeightsMissing):
    """A file of weights differs from the published one."""


@dataclass(frozen=True)
class CachedWeights:
    """The file with the weights of a model on this machine; None if there is none."""

    model: Model
    path: Path | None


def resolve(model: str) -> str:
    """Returns the model itself, or for `auto` vgg19 if its weights are here, else vgg16-hed."""
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
    """Returns the network of that name, calculating in `dtype`; missing weights are downloaded.

    Raises:
        InvalidSettings: if there is no model of that name.
        WeightsMissing: if the weights cannot be downloaded.
        WeightsDamaged: if the file differs from the published one.
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
        module = build_model(model, state)
    except RuntimeError as error:
        raise WeightsDamaged(
            f"The file {path} does not contain the network {model} ({error}). Move it away and "
            f"run: impasto weights fetch {model}"
        ) from error
    return TracedNetwork(module, pooling=pooling, device=device, dtype=dtype)


def list_cached() -> list[CachedWeights]:
    """Returns the weights on this machine for each of the choices of the setting `model`."""
    return [
        CachedWeights(model, installed_hed() if model is Model.VGG16_HED else _cached(model))
        for model in Model
        if model is not Model.AUTO
    ]


def fetch(model: str) -> Path:
    """Returns the file of a model, downloaded if missing or damaged; progress on standard error.

    Raises:
        InvalidSettings: if there is no model of that name.
        WeightsMissing: if it cannot be downloaded.
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
    """Returns the file of a model after comparing its checksum with the published one.

    Raises:
        InvalidSettings: if there is no model of that name.
        WeightsMissing: if it is not on this machine.
        WeightsDamaged: if it differs from the published one.
    """
    model = resolve(model)
    if model == Model.VGG16_HED:
        return _checked_hed()
    cached = _cached(model)
    if cached is None:
        size_mb = published_weights(model).meta["_file_size"]
        raise WeightsMissing(
            f"The network {model} is not on this machine. To download it ({size_mb:.0f} MB), run: "
            f"impasto weights fetch {model}"
        )
    return _check_hub_file(model, cached)


def download(model: str, *, progress: bool) -> Path:
    """Downloads a model's file into torch hub's folder with torchvision, which verifies it.

    Raises:
        InvalidSettings: if there is no model of that name.
        WeightsMissing: if it cannot be downloaded or is damaged; no file remains then.
    """
    weights = published_weights(model)
    path = hub_folder() / str(weights.url).rpartition("/")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # torch hub reports the download on standard output, which is for results.
        with _socket_timeout(DOWNLOAD_TIMEOUT_S), redirect_stdout(sys.stderr):
            weights.get_state_dict(progress=progress, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, HTTPException) as error:
        label = SETTINGS.choice("model").choices[Model.VGG16_HED]
        raise WeightsMissing(
            f"The network {model} could not be downloaded ({error}). Choose "
            f"{Model.VGG16_HED.value} (in GIMP: {label}), which is installed, or try again later: "
            f"impasto weights fetch {model}"
        ) from error
    return path


# torchvision's files in torch hub's folder


def _cached(model: str) -> Path | None:
    """Returns the file of one of torchvision's models; raises InvalidSettings if unknown."""
    if file := cached_file(model):
        return file
    if model in frozenset(Model):  # their files are named after them
        return None
    return cached_file(published_weights(model).url.rpartition("/")[2].rpartition("-")[0])


def _check_hub_file(model: str, path: Path) -> Path:
    return _check(path, sha256_prefix(path), f"Run: impasto weights fetch {model}")


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Limits the timeout of new connections: torch hub sets none."""
    old_timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(old_timeout)


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
    """Returns the convolutions of VGG-16 in HED's file (Keras layout: row, column, in, out)."""
    convolutions = []
    with h5py.File(_checked_hed()) as file:
        for block, count in enumerate(VGG16_BLOCKS, start=1):
            for index in range(count):
                layer = "conv2d" if index == 0 else f"conv2d_{index}"
                variables = file[f"block{block}/layers/{layer}/vars"]
                weight = torch.from_numpy(variables["0"][()]).permute(3, 2, 0, 1).contiguous()
                convolutions.append(Convolution(weight, torch.from_numpy(variables["1"][()])))
    return [_for_rgb(convolutions[0]), *convolutions[1:]]


def _for_rgb(caffe: Convolution) -> Convolution:
    """Returns a first convolution for Caffe's input as one for RGB, normalised as for ImageNet.

    Exact as long as the input is not padded with zeros, which the VGG here does not do.
    """
    weight = caffe.weight.double().flip(1)  # B, G, R to R, G, B
    mean = weight.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = weight.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    caffe_mean = weight.new_tensor(_CAFFE_MEAN_BGR).flip(0).view(1, 3, 1, 1)
    bias = caffe.bias.double() + (weight * (255 * mean - caffe_mean)).sum(dim=(1, 2, 3))
    return Convolution((weight * 255 * std).float(), bias.float())


# Checksums


def _check(path: Path, expected_prefix: str, remedy: str) -> Path:
    """Returns `path`; raises WeightsDamaged if its SHA-256 does not begin with the prefix."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(expected_prefix):
        raise WeightsDamaged(
            f"The file {path} is damaged: its SHA-256 should begin with "
            f"{expected_prefix[:8]}, and begins with {digest[:8]}. {remedy}"
        )
    return path
