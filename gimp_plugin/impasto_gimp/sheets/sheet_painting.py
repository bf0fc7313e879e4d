"""Painting a contact sheet for the plug-in: one session for each picture. Knows no GIMP, no GTK."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from impasto_gimp.arguments.explore_arguments import full_caption
from impasto_gimp.jobs.session import (
    Abandoned,
    Connect,
    Progress,
    ProgressDisplay,
    Session,
    UserAction,
)
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError
from impasto_shared.explore.contact_sheet import ContactSheet, SheetTile
from impasto_shared.explore.sheet_painting import PaintedSheet, SheetPainter
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions
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
        position = _Position(self.done, self.count, caption, self.has_pictures)
        display = _TileDisplay(self._display, position)
        styles = self._styles if tile.needs_painting else ()
        try:
            session = Session(self._connect, display)
            painted = session.painted(self._content, styles, tile.settings)
            return self.sessions.enter_context(painted).picture
        finally:
            self.is_stopped = display.is_stopped


@dataclass(frozen=True)
class _Position:
    """The place of a picture in its sheet, from 0, and whether one before it is finished."""

    number: int
    count: int
    caption: str
    has_pictures: bool


class _TileDisplay:
    """The user's display for the session that paints one picture of a sheet.

    Stopping early cancels the current picture: with fewer steps than the others it would not
    compare with them.
    """

    def __init__(self, display: ProgressDisplay, position: _Position) -> None:
        self._display = display
        self._position = position
        self.is_stopped = False

    @property
    def previews(self) -> PreviewOptions | None:
        return self._display.previews

    def show(self, progress: Progress) -> None:
        position = self._position
        text = gettext("Picture {number} of {count}, {caption}: {progress}").format(
            number=position.number + 1,
            count=position.count,
            caption=position.caption,
            progress=progress.text,
        )
        fraction = (position.number + (progress.fraction or 0.0)) / position.count
        self._display.show(
            replace(progress, text=text, fraction=fraction, can_keep=position.has_pictures)
        )

    def show_picture(self, picture: Image) -> None:
        self._display.show_picture(picture)

    def user_action(self) -> UserAction:
        action = self._display.user_action()
        if action is UserAction.KEEP:
            self.is_stopped = True
            return UserAction.CANCEL
        return action
