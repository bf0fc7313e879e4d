"""The recipe of a painted layer, as bytes that GIMP stores with the layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.settings import StyleSettings

PARASITE = "impasto-neural-style"
"""The name under which GIMP stores it, in XCF files too."""


@dataclass(frozen=True)
class RememberedItem:
    """A layer or channel: its tattoo, which outlives saving and loading, and its name."""

    tattoo: int
    name: str


@dataclass(frozen=True)
class RememberedStyle:
    """The URI of a style image, or a style layer; its weight, and its region.

    is_outside: whether it applies outside of its region.
    """

    file: str | None
    layer: RememberedItem | None
    weight: float
    region: RememberedItem | None
    is_outside: bool = False


@dataclass(frozen=True)
class Recipe:
    """The layer that was painted, the styles and the settings.

    place: left, top, width and height of the part of the layer that was painted, in its pixels;
        None if all of it was.
    painted_px: the longest side at which it was painted; 0: as the settings say. It is smaller if
        the painting was stopped and kept.
    """

    source: RememberedItem
    styles: tuple[RememberedStyle, ...]
    settings: StyleSettings
    place: tuple[int, int, int, int] | None = None
    painted_px: int = 0

    def to_bytes(self) -> bytes:
        """Returns the recipe as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Recipe:
        """Returns the recipe that `to_bytes` stored, in this version or an earlier one.

        Raises:
            InvalidSettings: if it cannot be read, or a setting no longer exists.
        """
        try:
            values = _completed(json.loads(stored.rstrip(b"\0").decode()))
            return cls(
                _item(values["source"]),
                tuple(_style(style) for style in values["styles"]),
                StyleSettings.from_json(values["settings"]),
                _place(values.get("place")),
                max(0, int(values.get("painted_px", 0))),
            )
        except (ValueError, KeyError, TypeError, ImpastoError) as error:
            raise InvalidSettings(
                "settings",
                gettext(
                    "The settings stored in this layer cannot be read ({error}). Choose Neural "
                    "Style… instead."
                ).format(error=error),
            ) from error


def _completed(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the values of a recipe, also of the first version, which had one painting a layer."""
    if "source_name" not in values:
        return values
    source = {"tattoo": values["source"], "name": values["source_name"]}
    style = {"file": values["style"], "layer": None, "weight": 1.0, "region": None}
    return {"source": source, "styles": [style], "settings": values["settings"]}


def _place(values: Sequence[int] | None) -> tuple[int, int, int, int] | None:
    if values is None:
        return None
    x, y, width, height = map(int, values)
    return x, y, width, height


def _item(values: Mapping[str, Any]) -> RememberedItem:
    return RememberedItem(int(values["tattoo"]), str(values["name"]))


def _style(values: Mapping[str, Any]) -> RememberedStyle:
    file, layer, region = values["file"], values["layer"], values["region"]
    return RememberedStyle(
        None if file is None else str(file),
        None if layer is None else _item(layer),
        float(values["weight"]),
        None if region is None else _item(region),
        bool(values.get("is_outside")),  # older paintings have none
    )
