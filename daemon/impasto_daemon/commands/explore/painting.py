"""Has the daemon paint the tiles of sheets, one after the other, but for those that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from impasto_daemon.commands.explore.folder import Folder
from impasto_daemon.commands.explore.painted_tile import PaintedSheet, PaintedTile
from impasto_daemon.commands.progress import follow
from impasto_shared.client import Client
from impasto_shared.durations import format_duration
from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError
from impasto_shared.explore.contact_sheet import ContactSheet, SheetTile
from impasto_shared.image import Image
from impasto_shared.settings import Model
from impasto_shared.style import Style


class TileCancelled(ImpastoError):
    """Somebody has cancelled the job of a tile."""


@dataclass
class Painter:
    """Paints the tiles of `sheets` of a photo and a painting, if there is one, into `folder`.

    say: shows a line to whoever waits.
    """

    client: Client
    folder: Folder
    sheets: Sequence[ContactSheet]
    photo: Image
    painting: Image | None
    say: Callable[[str], object]
    done: int = 0
    _missing: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return sum(len(sheet.tiles) for sheet in self.sheets)

    def paint(self) -> Iterator[PaintedSheet]:
        """Sheet after sheet, as each is done.

        A network whose weights are not on the daemon's machine leaves its tiles out: nobody asked
        for half a gigabyte to be downloaded.

        Raises:
            DaemonError: where a tile fails for another reason.
            TileCancelled: where somebody has cancelled one.
            DaemonUnavailable: where the daemon has gone.
            InvalidImage, FolderUnusable: where a picture cannot be written.
        """
        self._find_missing()
        for sheet in self.sheets:
            painted: dict[str, PaintedTile] = {}
            left_out: dict[str, str] = {}
            for tile in sheet.tiles:
                found = self.folder.find(sheet, tile) or self._paint(sheet, tile)
                if found is not None:
                    painted[tile.name] = found
                else:
                    left_out[tile.name] = reason = self._missing[tile.settings.model]
                    self.folder.leave_out(sheet, tile, reason)
                self.done += 1
            yield PaintedSheet(sheet, painted, left_out)

    def _find_missing(self) -> None:
        kept = self.client.status().models
        if not kept:  # an older daemon does not say
            return
        wanted = {
            tile.settings.model
            for sheet in self.sheets
            for tile in sheet.tiles
            if not self.folder.find(sheet, tile)
        }
        for model in Model:
            if model in wanted and model is not Model.AUTO and model not in kept:
                self._missing[model] = reason = (
                    f"The weights of {model} are not on the daemon's machine. To download them "
                    f"there, run: impasto weights fetch {model}"
                )
                self.say(f"left out: {reason}")

    def _paint(self, sheet: ContactSheet, tile: SheetTile) -> PaintedTile | None:
        """The tile, newly painted; None where its network cannot be had."""
        model = tile.settings.model
        if model in self._missing:
            return None
        self.say(self._announced(sheet, tile))
        styles = [Style(self.painting)] if self.painting is not None and tile.needs_painting else []
        job = self.client.submit(self.photo, styles, tile.settings)
        try:
            is_done = follow(self.client, job)
        except DaemonError as error:
            if error.code is not ErrorCode.WEIGHTS_MISSING:
                raise
            self.say(f"left out: {error}")
            self._missing[model] = str(error)
            return None
        except KeyboardInterrupt:
            self.client.cancel(job)
            raise
        if not is_done:
            raise TileCancelled(f"The picture {sheet.name}/{tile.name} was cancelled.")
        picture, curve = self.client.fetch(job), self.client.curve(job)
        used = self.client.status().worker.model or str(model)
        painted = self.folder.keep(sheet, tile, picture, used, curve)
        self.client.forget(job)
        return painted

    def _announced(self, sheet: ContactSheet, tile: SheetTile) -> str:
        """Which tile it is, and how long all that are left will take, where that is known."""
        left_s = self._left_s()
        left = "" if left_s is None else f", about {format_duration(left_s)} left"
        return f"{sheet.name}/{tile.name} ({self.done + 1} of {self.count}{left})"

    def _left_s(self) -> float | None:
        tiles = [(sheet, tile) for sheet in self.sheets for tile in sheet.tiles][self.done :]
        seconds = 0.0
        for sheet, tile in tiles:
            if tile.settings.model in self._missing or self.folder.find(sheet, tile):
                continue
            forecast = self.client.forecast(tile.settings, self.photo.width, self.photo.height)
            if forecast is None or forecast.painting_s is None:
                return None
            seconds += forecast.painting_s
        return seconds
