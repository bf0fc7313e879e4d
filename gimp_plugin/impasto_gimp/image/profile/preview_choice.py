"""The user's last choice to have previews or not, next to the settings that GIMP remembers."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from impasto_gimp.image.profile.files import profile_file, store

_WORDS = {True: "on", False: "off"}


def read_preview_choice() -> bool | None:
    """Returns whether previews were switched on or off; None if neither."""
    try:
        word = _file().read_text().strip()
    except (OSError, ValueError):
        return None
    return {word: is_on for is_on, word in _WORDS.items()}.get(word)


def store_preview_choice(*, is_on: bool) -> None:
    """Stores whether previews were switched on or off."""
    # GIMP's folder may be read-only, and then GIMP remembers nothing either.
    with suppress(OSError):
        store(_file(), _WORDS[is_on].encode(), is_synced=False)


def _file() -> Path:
    return profile_file("impasto-preview")
