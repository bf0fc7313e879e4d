"""What has become of an experiment: the pictures of its tiles, and the tiles that have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from impasto_shared.explore.contact_sheet import ContactSheet
from impasto_shared.reports import CurvePoint


@dataclass(frozen=True)
class PaintedTile:
    """The picture of a tile.

    file: a PNG.
    model: the network that it was painted with.
    curve: how its loss came down.
    """

    file: Path
    model: str
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class PaintedSheet:
    """A sheet, its painted tiles by their names, and why others are left out, by theirs."""

    sheet: ContactSheet
    tiles: Mapping[str, PaintedTile]
    left_out: Mapping[str, str]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why tiles are left out, each reason once, with what the tiles show."""
        captions: dict[str, list[str]] = {}
        for tile in self.sheet.tiles:
            if tile.name in self.left_out:
                captions.setdefault(self.left_out[tile.name], []).append(tile.caption)
        return tuple(
            f"{', '.join(dict.fromkeys(shown))}: {reason}" for reason, shown in captions.items()
        )
