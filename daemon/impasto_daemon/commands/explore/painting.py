"""Painting contact sheets for the command line: with one client, and pictures in a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from impasto_daemon.commands.client.progress import follow
from impasto_daemon.commands.explore.folder import Folder
from impasto_daemon.commands.explore.painted_tile import PaintedTile
from impasto_shared.client import Client
from impasto_shared.errors import ImpastoError
from impasto_shared.explore.contact_sheet import ContactSheet, SheetTile
from impasto_shared.explore.sheet_painting import SheetPainter
from impasto_shared.style import Style
from impasto_shared.text.durations import format_duration


class TileCancelled(ImpastoError):
    """The job of a tile was cancelled by another client."""


class FolderPainter(SheetPainter[PaintedTile]):
    """Paints sheets of the folder's originals, and keeps each picture there.

    say: prints a line for the user.

    `paint` raises, in addition to what the base class names:
        TileCancelled: if another client cancels the job of a tile.
        DaemonUnavailable: if the daemon stops answering.
        InvalidImage, FolderUnusable: if a picture cannot be written.
    """

    def __init__(
        self,
        client: Client,
        folder: Folder,
        sheets: Sequence[ContactSheet],
        say: Callable[[str], object],
    ) -> None:
        super().__init__(sheets)
        self._client = client
        self._folder = folder
        self._say = say

    def installed_networks(self) -> Collection[str]:
        """Returns the networks whose weights the daemon has; none if it is too old to say."""
        return self._client.status().models

    def cached(self, sheet: ContactSheet, tile: SheetTile) -> PaintedTile | None:
        """Returns the picture of a tile if the folder has it."""
        return self._folder.find(sheet, tile)

    def on_missing_network(self, error: ImpastoError) -> None:
        """Prints why a network is left out."""
        self._say(f"left out: {error}")

    def on_left_out(self, sheet: ContactSheet, tile: SheetTile, reason: str) -> None:
        """Notes in the folder why a tile has no picture."""
        self._folder.leave_out(sheet, tile, reason)

    def paint_tile(self, sheet: ContactSheet, tile: SheetTile) -> PaintedTile:
        """Has the daemon paint a tile, and returns it once it is in the folder."""
        self._say(self._announcement(sheet, tile))
        photo, painting = self._folder.originals.photo, self._folder.originals.painting
        styles = [Style(painting)] if painting is not None and tile.needs_painting else []
        job = self._client.submit(photo, styles, tile.settings)
        try:
            is_done = follow(self._client, job)
        except KeyboardInterrupt:
            self._client.cancel(job)
            raise
        if not is_done:
            raise TileCancelled(f"The picture {sheet.name}/{tile.name} was cancelled.")
        picture, curve = self._client.fetch(job), self._client.curve(job)
        model = self._client.status().worker.model or str(tile.settings.model)
        painted = self._folder.keep(sheet, tile, picture, model, curve)
        self._client.forget(job)
        return painted

    def _announcement(self, sheet: ContactSheet, tile: SheetTile) -> str:
        remaining_s = self._remaining_s()
        left = "" if remaining_s is None else f", about {format_duration(remaining_s)} left"
        return f"{sheet.name}/{tile.name} ({self.done + 1} of {self.count}{left})"

    def _remaining_s(self) -> float | None:
        """Returns how long the remaining tiles will take; None if the daemon cannot tell."""
        photo = self._folder.originals.photo
        seconds = 0.0
        for _, tile in self.remaining():
            forecast = self._client.forecast(tile.settings, photo.width, photo.height)
            if forecast is None or forecast.painting_s is None:
                return None
            seconds += forecast.painting_s
        return seconds
