"""What a painted layer remembers of how it was painted, as bytes that GIMP keeps with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.settings import StyleSettings

PARASITE = "impasto-neural-style"
"""The name under which GIMP keeps it, in XCF files too."""


@dataclass(frozen=True)
class RememberedItem:
    """A layer or channel: its tattoo, which outlives saving and loading, and its name."""

    tattoo: int
    name: str


@dataclass(frozen=True)
class RememberedStyle:
    """The URI of a style image, or the layer that was taken in its place; and where it went."""

    file: str | None
    layer: RememberedItem | None
    weight: float
    region: RememberedItem | None


@dataclass(frozen=True)
class Recipe:
    """How a layer was painted: from which layer, in which styles, with which settings."""

    source: RememberedItem
    styles: tuple[RememberedStyle, ...]
    settings: StyleSettings

    def to_bytes(self) -> bytes:
        """The recipe as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> Recipe:
        """The recipe in what `to_bytes` gave.

        Raises:
            InvalidSettings: where it is none, or one of a version that knew other settings.
        """
        try:
            values = json.loads(kept.rstrip(b"\0").decode())
            return cls(
                _item(values["source"]),
                tuple(_style(style) for style in values["styles"]),
                StyleSettings.from_json(values["settings"]),
            )
        except (ValueError, KeyError, TypeError, ImpastoError) as error:
            raise InvalidSettings(
                "settings",
                gettext(
                    "What the layer remembers of how it was painted cannot be read: {error}. "
                    "Choose Neural Style… instead."
                ).format(error=error),
            ) from error


def _item(values: dict[str, Any]) -> RememberedItem:
    return RememberedItem(int(values["tattoo"]), str(values["name"]))


def _style(values: dict[str, Any]) -> RememberedStyle:
    file, layer, region = values["file"], values["layer"], values["region"]
    return RememberedStyle(
        None if file is None else str(file),
        None if layer is None else _item(layer),
        float(values["weight"]),
        None if region is None else _item(region),
    )
