"""Painting a contact sheet for the plug-in: one session for each picture. Knows no GIMP, no GTK."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from impasto_gimp.arguments.explore_arguments import full_caption
from impasto_gimp.jobs.series_display import SeriesDisplay
from impasto_gimp.jobs.session import (
    Abandoned,
    Connect,
    ProgressDisplay,
    Session,
)
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError
from impasto_shared.explore.contact_sheet import ContactSheet, SheetTile
from impasto_shared.explore.sheet_painting import PaintedSheet, SheetPainter
from impasto_shared.image import Image
from impasto_shared.style import Style


@contextmanager
def painted_sheet(
    connect: Connect,
    display: ProgressDisplay,
    sheet: ContactSheet,
    content: Image,
    styles: Sequence[Style],
) -> Iterator[PaintedSheet[Image]]:
    """Opens a context with `sheet` and its pictures, which have the size of `content`.

    Finished pictures are kept if the user stops there, or if the daemon fails. The daemon forgets
    them at the end of the context, unless it ends with an error.

    Raises:
        Abandoned: if the user cancels.
        ImpastoError: as `Session.painted`, if no picture is finished.
    """
    painter = _SessionPainter(connect, display, sheet, content, styles)
    with painter.sessions:
        yield _paint(painter, sheet)


def _paint(painter: _SessionPainter, sheet: ContactSheet) -> PaintedSheet[Image]:
    """Returns `sheet` as far as it is painted, or raises what `painted_sheet` raises."""
    try:
        painted = next(painter.paint())
    except Abandoned:
        if not painter.is_stopped:
            raise
        return painter.unfinished(sheet, None)
    except ImpastoError as error:
        if not painter.has_pictures:
            raise
        return painter.unfinished(sheet, error)
    if not painted.pictures:
        raise next(iter(painter.missing_networks.values()))
    return painted


class _SessionPainter(SheetPainter[Image]):
    """Paints each tile in a session of its own.

    sessions: holds the sessions of the finished tiles, which end with it.
    is_stopped: whether the user has asked to stop and keep the finished pictures.
    """

    def __init__(
        self,
        connect: Connect,
        display: ProgressDisplay,
        sheet: ContactSheet,
        content: Image,
        styles: Sequence[Style],
    ) -> None:
        super().__init__([sheet], gettext)
        self.sessions = ExitStack()
        self.is_stopped = False
        self._connect = connect
        self._display = display
        self._content = content
        self._styles = styles

    def installed_networks(self) -> Collection[str]:
        """Returns the networks whose weights the daemon has; none if it is too old to say."""
        return Session(self._connect, self._display).status().models

    def paint_tile(self, sheet: ContactSheet, tile: SheetTile) -> Image:
        """Returns the picture of a tile; raises what `Session.painted` raises."""
        caption = full_caption(sheet.row_of(tile), tile)
        number, count = self.done, self.count

        def text_of(progress: str) -> str:
            text = gettext("Picture {number} of {count}, {caption}: {progress}")
            return text.format(number=number + 1, count=count, caption=caption, progress=progress)

        display = SeriesDisplay(
            self._display, number, count, text_of, has_pictures=self.has_pictures
        )
        styles = self._styles if tile.needs_painting else ()
        try:
            session = Session(self._connect, display)
            painted = session.painted(self._content, styles, tile.settings)
            return self.sessions.enter_context(painted).picture
        finally:
            self.is_stopped = display.is_stopped
