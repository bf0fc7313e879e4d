"""The weights of the networks: downloading, verifying and loading them.

It handles files, not pictures. torch and torchvision are imported only where they are needed, since
that takes seconds: to list and to verify files takes none of them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from impasto_daemon.models.cache import (
    VGG19_PACKAGE,
    cached_file,
    hub_folder,
    installed_vgg19,
    sha256_prefix,
    torchvision_name,
)
from impasto_daemon.models.download import Download, DownloadDamaged
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.settings import SETTINGS, Model, Pooling
from impasto_shared.text.sentences import sentence

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torchvision.models import WeightsEnum

    from impasto_daemon.style_transfer.networks.network import Network
    from impasto_daemon.style_transfer.networks.vgg import Convolution

# A server that is silent for this long will not answer any more.
DOWNLOAD_TIMEOUT_S = 15.0
_LARGEST_FILE_BYTES = 3 * 10**9

# Of the networks that dialogs offer: torchvision knows them all, but takes seconds to be asked.
_SIZES_MB = {
    Model.VGG19_TORCHVISION.value: 548,
    Model.VGG16.value: 528,
    Model.VGG19_BN.value: 548,
    Model.VGG16_BN.value: 528,
    Model.RESNET50.value: 98,
}
_VGG19_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"


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


def load_network(
    model: str,
    pooling: Pooling,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Network:
    """Returns the network of that name; missing weights are downloaded.

    dtype: of its calculations; by default float32.
    should_stop: ends a download if it returns true.

    Raises:
        DownloadStopped: if a download was ended.
        InvalidSettings: if there is no model of that name.
        WeightsMissing: if the weights cannot be downloaded.
        WeightsDamaged: if the file differs from the published one.
    """
    import torch

    from impasto_daemon.models.torchvision_models import build_model, vgg_blocks, vgg_convolutions
    from impasto_daemon.style_transfer.networks.vgg import VGG, VGG19_BLOCKS

    dtype = dtype or torch.float32
    vgg = partial(VGG, pooling=pooling, device=device, dtype=dtype)
    if model == Model.VGG19:
        return vgg(vgg19_convolutions(), VGG19_BLOCKS)
    path = _cached(model)
    if path is None:
        path = download(model, progress=False, should_stop=should_stop)
    _check_hub_file(model, path)
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    if blocks := vgg_blocks(model):
        return vgg(vgg_convolutions(state), blocks)
    from impasto_daemon.style_transfer.networks.traced_network import TracedNetwork

    try:
        module = build_model(model, state)
    except RuntimeError as error:
        raise WeightsDamaged(
            sentence("weights-not-loadable", path=path, model=model, reason=error)
        ) from error
    return TracedNetwork(module, pooling=pooling, device=device, dtype=dtype)


def list_cached() -> list[CachedWeights]:
    """Returns the weights on this machine for each of the choices of the setting `model`."""
    return [
        CachedWeights(model, installed_vgg19() if model is Model.VGG19 else _cached(model))
        for model in Model
    ]


def fetch(model: str) -> Path:
    """Returns the file of a model, downloaded if missing or damaged; progress on standard error.

    Raises:
        InvalidSettings: if there is no model of that name.
        WeightsMissing: if it cannot be downloaded.
    """
    if model == Model.VGG19:
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
    if model == Model.VGG19:
        return _checked_vgg19()
    cached = _cached(model)
    if cached is None:
        size_mb = _SIZES_MB.get(model) or round(_published(model).meta["_file_size"])
        raise WeightsMissing(sentence("weights-missing", model=model, size=str(size_mb)))
    return _check_hub_file(model, cached)


def download(
    model: str, *, progress: bool, should_stop: Callable[[], bool] = lambda: False
) -> Path:
    """Downloads a model's file into torch hub's folder, and verifies it.

    progress: whether to show it on standard error, if that is a terminal.
    should_stop: called several times a second; if it returns true, the download ends.

    Raises:
        InvalidSettings: if there is no model of that name.
        WeightsMissing: if it cannot be downloaded or is damaged.
        DownloadStopped: if it should stop; the next download continues.
    """
    published = _published(model)
    path = hub_folder() / str(published.url).rpartition("/")[2]
    size_mib = published.meta.get("_file_size")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Download(
            published.url,
            sha256_prefix(path),
            limit_bytes=round(size_mib * 2**20 * 1.1) if size_mib else _LARGEST_FILE_BYTES,
            timeout_s=DOWNLOAD_TIMEOUT_S,
            on_progress=partial(_show_progress, model) if progress else lambda *_: None,
            should_stop=should_stop,
        ).to(path)
    except (OSError, HTTPException, DownloadDamaged) as error:
        label = SETTINGS.choice("model").choices[Model.VGG19]
        raise WeightsMissing(
            sentence(
                "weights-not-downloaded",
                model=model,
                reason=error,
                other=Model.VGG19.value,
                label=label,
            )
        ) from error
    return path


def _show_progress(model: str, received_bytes: int, all_bytes: int | None) -> None:
    if sys.stderr.isatty():
        total = f" of {all_bytes / 1e6:.0f}" if all_bytes else ""
        end = "\n" if received_bytes == all_bytes else ""
        sys.stderr.write(f"\r{model}: {received_bytes / 1e6:.0f}{total} MB{end}")


# torchvision's files in torch hub's folder


def _cached(model: str) -> Path | None:
    """Returns the file of one of torchvision's models; raises InvalidSettings if unknown."""
    if file := cached_file(torchvision_name(model)):
        return file
    if model in frozenset(Model):  # their files are named after them
        return None
    return cached_file(_published(model).url.rpartition("/")[2].rpartition("-")[0])


def _published(model: str) -> WeightsEnum:
    """Returns torchvision's entry for a model; raises InvalidSettings if unknown."""
    from impasto_daemon.models.torchvision_models import published_weights

    return published_weights(model)


def _check_hub_file(model: str, path: Path) -> Path:
    return _check(path, sha256_prefix(path), "weights-damaged", model)


# vgg19: a file in an installed package


def vgg19_convolutions() -> list[Convolution]:
    """Returns the convolutions of the original VGG-19, for RGB normalised as for ImageNet.

    Raises:
        WeightsMissing: if its file is not installed.
        WeightsDamaged: if it differs from the published one.
    """
    from impasto_daemon.models.original_vgg19 import read_convolutions

    return read_convolutions(_checked_vgg19())


def _checked_vgg19() -> Path:
    path = installed_vgg19()
    if path is None:
        raise WeightsMissing(
            sentence("weights-not-installed", model=Model.VGG19.value, package=VGG19_PACKAGE)
        )
    return _check(path, _VGG19_SHA256, "installed-weights-damaged", Model.VGG19.value)


# Checksums


def _check(path: Path, expected_prefix: str, code: str, model: str) -> Path:
    """Returns `path`; raises WeightsDamaged if its SHA-256 does not begin with the prefix."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(expected_prefix):
        raise WeightsDamaged(
            sentence(
                code,
                path=path,
                expected=expected_prefix[:8],
                actual=digest[:8],
                model=model,
            )
        )
    return path
