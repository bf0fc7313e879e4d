"""Neural Style: Explore: the experiments of the paper with a layer, as a new image."""

from __future__ import annotations

from typing import Any

from impasto_gimp.dialogs.gimp_progress import ProgressBar
from impasto_gimp.image.layer_reader import read_scaled_down, the_layer
from impasto_gimp.image.styles import first_painting
from impasto_gimp.introspection import Gegl, Gimp, GObject
from impasto_gimp.jobs.connection import connect
from impasto_gimp.procedures import procedure_run
from impasto_gimp.procedures.explore_arguments import TITLE, chosen_sheet, needs_painting
from impasto_gimp.sheets.sheet_image import new_sheet_image
from impasto_gimp.sheets.sheet_painting import paint_sheet
from impasto_gimp.translation import gettext, ngettext
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.image import Image


def run(
    procedure: Any, run_mode: Any, _image: Any, drawables: list[Any], config: Any, _data: Any
) -> Any:
    """Makes the sheet of the one layer among `drawables`; a script is given the image."""
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    made: list[Any] = []

    def explore() -> bool:
        layer = the_layer(drawables)
        if interactive and not _ask(procedure, config, layer):
            return False
        painted, originals = _painted(layer, config, interactive=interactive)
        image = new_sheet_image(painted, originals)
        made.append(image)
        if run_mode != Gimp.RunMode.NONINTERACTIVE:
            Gimp.Display.new(image)
            Gimp.displays_flush()
        if painted.reasons:
            Gimp.message(_left_out(painted))
        return True

    ended = procedure_run.run(procedure, explore)
    if not made:
        return ended
    return Gimp.ValueArray.new_from_values([ended.index(0), GObject.Value(Gimp.Image, made[0])])


def _ask(procedure: Any, config: Any, layer: Any) -> bool:
    # GimpUi wants a screen, and a script may have none.
    from impasto_gimp.dialogs.explore_dialog import ask_for_sheet

    return ask_for_sheet(procedure, config, layer)


def _progress_window(title: str, photo: Image) -> Any:
    from impasto_gimp.dialogs.pixbufs import pixbuf_of
    from impasto_gimp.dialogs.progress_window import ProgressWindow

    keep = gettext("End here and keep the pictures that are finished")
    return ProgressWindow(title, photo.width, photo.height, pixbuf_of(photo), keep)


def _painted(
    layer: Any, config: Any, *, interactive: bool
) -> tuple[PaintedSheet[Image], list[tuple[str, Image]]]:
    """The sheet, and what it was made of, by name."""
    sheet = chosen_sheet(config)
    chosen = first_painting(config) if needs_painting(sheet) else None
    Gegl.init(None)
    photo = read_scaled_down(layer, sheet.tiles[0].settings.size)
    originals = [(gettext("Photo"), photo)]
    styles = []
    if chosen is not None:
        styles = [chosen.read(None)]
        originals.append((gettext("Painting"), styles[0].image))
    title = f"{TITLE}: {gettext(sheet.title)}"
    with _progress_window(title, photo) if interactive else ProgressBar(TITLE) as display:
        return paint_sheet(connect, display, sheet, photo, styles), originals


def _left_out(painted: PaintedSheet[Image]) -> str:
    count = painted.missing
    text = ngettext("{count} picture is left out.", "{count} pictures are left out.", count)
    return " ".join([text.format(count=count), *painted.reasons])
