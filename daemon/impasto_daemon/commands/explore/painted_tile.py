"""A finished picture of a contact sheet, as the command line keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto_shared.protocol.reports import CurvePoint


@dataclass(frozen=True)
class PaintedTile:
    """The picture of a tile.

    file: a PNG.
    model: the network that it was painted with.
    curve: the losses while it was painted.
    """

    file: Path
    model: str
    curve: tuple[CurvePoint, ...]
