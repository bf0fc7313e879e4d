"""Painting contact sheets tile by tile: the policy that command line and plug-in share.

A subclass of `SheetPainter` knows how to paint a tile. Nothing here knows files, GIMP or sockets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError
from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.settings import Model

WEIGHTS_MISSING = (
    "The network {model} is not on the daemon's machine. To download it there, run: "
    "impasto weights fetch {model}"
)
"""Why a network is left out, before it is translated."""

Picture = TypeVar("Picture")


@dataclass(frozen=True)
class PaintedSheet(Generic[Picture]):
    """A contact sheet with its pictures.

    pictures: the finished pictures by tile name.
    left_out: the reasons why other tiles have no picture, by tile name.
    """

    sheet: ContactSheet
    pictures: Mapping[str, Picture]
    left_out: Mapping[str, str]

    @property
    def rows(self) -> tuple[SheetRow, ...]:
        """The tiles that have a picture, in their rows; an empty row is dropped."""
        rows = (
            SheetRow(row.caption, tuple(tile for tile in row.tiles if tile.name in self.pictures))
            for row in self.sheet.rows
        )
        return tuple(row for row in rows if row.tiles)

    @property
    def missing(self) -> int:
        """The number of tiles without a picture."""
        return len(self.sheet.tiles) - len(self.pictures)

    @property
    def reasons(self) -> dict[str, tuple[str, ...]]:
        """Each reason for leaving tiles out, with their captions."""
        captions: dict[str, dict[str, None]] = {}
        for tile in self.sheet.tiles:
            if tile.name in self.left_out:
                captions.setdefault(self.left_out[tile.name], {})[tile.caption] = None
        return {reason: tuple(tiles) for reason, tiles in captions.items()}


class SheetPainter(ABC, Generic[Picture]):
    """Paints all tiles of `sheets`, one job after the other.

    A cached tile is not painted again. A network whose weights are not on the daemon's machine
    leaves its tiles out, rather than starting a download of up to half a gigabyte unasked.

    translate: translates the texts that are made here.
    """

    def __init__(
        self, sheets: Sequence[ContactSheet], translate: Callable[[str], str] = str
    ) -> None:
        self.sheets = sheets
        self.done = 0
        """The number of tiles that are painted or left out."""
        self.missing_networks: dict[str, ImpastoError] = {}
        """The networks without weights, each with the error that says so."""
        self._translate = translate
        self._pictures: dict[str, Picture] = {}
        self._left_out: dict[str, str] = {}

    @abstractmethod
    def paint_tile(self, sheet: ContactSheet, tile: SheetTile) -> Picture:
        """Returns the newly painted picture of a tile.

        Raises:
            ImpastoError: if it cannot be painted; `WEIGHTS_MISSING` leaves out the network.
        """

    @abstractmethod
    def installed_networks(self) -> Collection[str]:
        """Returns the networks whose weights the daemon has; none if it is too old to say."""

    def cached(self, _sheet: ContactSheet, _tile: SheetTile) -> Picture | None:
        """Returns the picture of a tile that was painted before, if there is one."""
        return None

    def on_missing_network(self, error: ImpastoError) -> None:
        """Is called once for each network that is left out."""

    def on_left_out(self, sheet: ContactSheet, tile: SheetTile, reason: str) -> None:
        """Is called for each tile that is left out."""

    @property
    def count(self) -> int:
        """The number of tiles of all sheets."""
        return sum(len(sheet.tiles) for sheet in self.sheets)

    @property
    def has_pictures(self) -> bool:
        """True if a tile of the current sheet is finished."""
        return bool(self._pictures)

    def paint(self) -> Iterator[PaintedSheet[Picture]]:
        """Yields each sheet as soon as all of its tiles are painted or left out.

        Raises:
            ImpastoError: if a tile fails for any reason other than missing weights.
        """
        self._find_missing_networks()
        for sheet in self.sheets:
            self._pictures, self._left_out = {}, {}
            for tile in sheet.tiles:
                self._paint_or_leave_out(sheet, tile)
                self.done += 1
            yield PaintedSheet(sheet, self._pictures, self._left_out)

    def unfinished(self, sheet: ContactSheet, error: ImpastoError | None) -> PaintedSheet[Picture]:
        """Returns the current sheet as far as it is painted.

        error: why there is no more of it; None if a person stopped it, who needs no reason.
        """
        left_out = {
            tile.name: str(self.missing_networks.get(tile.settings.model, error))
            for tile in sheet.tiles
            if error is not None and tile.name not in self._pictures
        }
        return PaintedSheet(sheet, self._pictures, left_out)

    def remaining(self) -> list[tuple[ContactSheet, SheetTile]]:
        """Returns the tiles that have yet to be painted, the current one included."""
        tiles = [(sheet, tile) for sheet in self.sheets for tile in sheet.tiles]
        return [
            (sheet, tile)
            for sheet, tile in tiles[self.done :]
            if tile.settings.model not in self.missing_networks and self.cached(sheet, tile) is None
        ]

    def _find_missing_networks(self) -> None:
        needed = dict.fromkeys(str(tile.settings.model) for _, tile in self.remaining())
        needed.pop(Model.VGG19, None)  # comes with the daemon, and is never downloaded
        installed = self.installed_networks() if needed else ()
        if not installed:
            return
        text = self._translate(WEIGHTS_MISSING)
        for model in needed:
            if model not in installed:
                error = DaemonError(text.format(model=model), ErrorCode.WEIGHTS_MISSING)
                self._leave_out_network(model, error)

    def _leave_out_network(self, model: str, error: ImpastoError) -> None:
        self.missing_networks[model] = error
        self.on_missing_network(error)

    def _paint_or_leave_out(self, sheet: ContactSheet, tile: SheetTile) -> None:
        model = tile.settings.model
        picture = self.cached(sheet, tile)
        if picture is None and model not in self.missing_networks:
            try:
                picture = self.paint_tile(sheet, tile)
            except ImpastoError as error:
                if error.code is not ErrorCode.WEIGHTS_MISSING:
                    raise
                self._leave_out_network(model, error)
        if picture is not None:
            self._pictures[tile.name] = picture
        else:
            self._left_out[tile.name] = reason = str(self.missing_networks[model])
            self.on_left_out(sheet, tile, reason)
