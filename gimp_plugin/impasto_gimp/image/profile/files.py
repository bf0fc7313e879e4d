"""The plug-in's own files in the user's GIMP profile, next to the settings that GIMP remembers."""

from __future__ import annotations

from pathlib import Path

from impasto_gimp.introspection import Gimp
from impasto_shared.files.atomic_write import write_atomically


def profile_file(name: str) -> Path:
    """Returns the path of one of these files."""
    return Path(Gimp.directory()) / "plug-in-settings" / name


def store(file: Path, data: bytes, *, is_synced: bool = True) -> None:
    """Replaces one of these files completely or not at all; raises OSError.

    is_synced: whether a power cut must not lose it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, data, is_synced=is_synced)
