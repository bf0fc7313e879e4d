"""The pictures of a sheet of experiments, one job after the other.

It knows neither GIMP nor GTK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from impasto_gimp.jobs.session import (
    Abandoned,
    Connect,
    Progress,
    ProgressDisplay,
    Session,
    UserAction,
)
from impasto_gimp.procedures.explore_arguments import whole_caption
from impasto_gimp.translation import gettext
from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError
from impasto_shared.explore.contact_sheet import ContactSheet
from impasto_shared.image import Image
from impasto_shared.messages import PreviewOptions
from impasto_shared.settings import Model
from impasto_shared.style import Style


@dataclass(frozen=True)
class PaintedSheet:
    """A sheet with its pictures by the names of their tiles.

    reasons: why others are missing, each once; empty where the person stopped there.
    """

    sheet: ContactSheet
    pictures: Mapping[str, Image]
    reasons: tuple[str, ...] = ()

    @property
    def left_out(self) -> int:
        """How many pictures are missing."""
        return len(self.sheet.tiles) - len(self.pictures)


def paint_sheet(
    connect: Connect,
    display: ProgressDisplay,
    sheet: ContactSheet,
    content: Image,
    styles: Sequence[Style],
) -> PaintedSheet:
    """All pictures of `sheet` that can be had, each of `content` and as large.

    A network whose weights are not on the daemon's machine leaves its pictures out: nobody asked
    for half a gigabyte to be downloaded. Where the user stops, or the daemon fails,
    those that are finished are kept.

    Raises:
        Abandoned: where the user cancels it.
        ImpastoError: as `Session.run`, where no picture is finished.
    """
    pictures: dict[str, Image] = {}
    missing = _missing_networks(Session(connect, display), sheet)
    count = len(sheet.tiles)
    for row in sheet.rows:
        for tile in row.tiles:
            if tile.settings.model in missing:
                continue
            number = sheet.tiles.index(tile)
            place = _Place(number, count, whole_caption(row, tile), bool(pictures))
            tile_display = _TileDisplay(display, place)
            try:
                pictures[tile.name] = Session(connect, tile_display).run(
                    content, styles if tile.needs_painting else (), tile.settings
                )
            except Abandoned:
                if not tile_display.is_stopped:
                    raise
                return PaintedSheet(sheet, pictures)
            except ImpastoError as error:
                if error.code is ErrorCode.WEIGHTS_MISSING:
                    missing[tile.settings.model] = error
                elif pictures:
                    return PaintedSheet(sheet, pictures, _reasons(*missing.values(), error))
                else:
                    raise
    if not pictures:
        raise next(iter(missing.values()))
    return PaintedSheet(sheet, pictures, _reasons(*missing.values()))


def _missing_networks(session: Session, sheet: ContactSheet) -> dict[str, ImpastoError]:
    """The networks that the sheet names and the daemon has not, each with what to do about it."""
    wanted = dict.fromkeys(str(tile.settings.model) for tile in sheet.tiles)
    wanted.pop(Model.AUTO, None)
    kept = session.models() if wanted else ()
    if not kept:  # an older daemon does not say
        return {}
    text = gettext(
        "The weights of {model} are not on the daemon's machine. To download them there, run: "
        "impasto weights fetch {model}"
    )
    return {
        model: DaemonError(text.format(model=model), ErrorCode.WEIGHTS_MISSING)
        for model in wanted
        if model not in kept
    }


def _reasons(*errors: ImpastoError) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(error) for error in errors))


@dataclass(frozen=True)
class _Place:
    """Which picture of how many is painted, from 0, and whether one is finished."""

    number: int
    count: int
    caption: str
    has_pictures: bool


class _TileDisplay:
    """The person's display, as it looks to the session that paints one picture of many.

    To stop here and keep is to cancel this picture, which would not be like the others.
    """

    def __init__(self, display: ProgressDisplay, place: _Place) -> None:
        self._display = display
        self._place = place
        self.is_stopped = False

    @property
    def previews(self) -> PreviewOptions | None:
        return self._display.previews

    def show(self, progress: Progress) -> None:
        place = self._place
        text = gettext("Picture {number} of {count}, {caption}: {progress}").format(
            number=place.number + 1,
            count=place.count,
            caption=place.caption,
            progress=progress.text,
        )
        fraction = (place.number + (progress.fraction or 0.0)) / place.count
        self._display.show(
            replace(progress, text=text, fraction=fraction, can_keep=place.has_pictures)
        )

    def show_picture(self, picture: Image) -> None:
        self._display.show_picture(picture)

    def user_action(self) -> UserAction:
        action = self._display.user_action()
        if action is UserAction.KEEP:
            self.is_stopped = True
            return UserAction.CANCEL
        return action
