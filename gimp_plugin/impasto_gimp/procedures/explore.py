"""Neural Style: Explore: the experiments of the papers with a layer, as a new image."""

from __future__ import annotations

from contextlib import AbstractContextManager

from impasto_gimp.arguments.explore_arguments import TITLE, chosen_sheet, needs_painting
from impasto_gimp.arguments.procedure_arguments import STYLES
from impasto_gimp.dialogs.gimp_progress import ProgressBar
from impasto_gimp.image.layer_reader import read_scaled_down, the_layer
from impasto_gimp.image.painted_area import whole
from impasto_gimp.image.paintings.first_painting import choose_first_painting
from impasto_gimp.image.paintings.styles import first_painting
from impasto_gimp.introspection import Gegl, Gimp, GObject
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.session import ProgressDisplay
from impasto_gimp.procedures import procedure_run
from impasto_gimp.sheets.sheet_image import new_sheet_image
from impasto_gimp.sheets.sheet_painting import painted_sheet
from impasto_gimp.translation import gettext, ngettext
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.image import Image


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    _image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Makes a contact sheet of the layer in `drawables`, and returns its image to a script."""
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    images: list[Gimp.Image] = []

    def explore() -> bool:
        layer = the_layer(drawables)
        if interactive and not _ask(procedure, config, layer):
            return False
        painted, image = _explored(layer, config, interactive=interactive)
        images.append(image)
        if run_mode != Gimp.RunMode.NONINTERACTIVE:
            Gimp.Display.new(image)
            Gimp.displays_flush()
        if painted.reasons:
            Gimp.message(_left_out(painted))
        return True

    result = procedure_run.run(procedure, explore)
    if not images:
        return result
    image = GObject.Value(Gimp.Image, images[0])
    return Gimp.ValueArray.new_from_values([result.index(0), image])


def _ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, layer: Gimp.Layer) -> bool:
    # GTK needs a screen, which a script may not have.
    from impasto_gimp.dialogs.explore_dialog import ask_for_sheet

    choose_first_painting(config, STYLES[:1])
    return ask_for_sheet(procedure, config, layer)


def _progress(
    title: str, photo: Image, *, interactive: bool
) -> AbstractContextManager[ProgressDisplay]:
    if not interactive:
        return ProgressBar(TITLE)
    from impasto_gimp.dialogs.progress_window import ProgressWindow

    keep = gettext("Stop here and keep the finished pictures")
    return ProgressWindow(title, photo.width, photo.height, lambda _: photo, keep, can_adjust=False)


def _explored(
    layer: Gimp.Layer, config: Gimp.ProcedureConfig, *, interactive: bool
) -> tuple[PaintedSheet[Image], Gimp.Image]:
    """Returns the sheet, and the image of it."""
    sheet = chosen_sheet(config)
    chosen = first_painting(config) if needs_painting(sheet) else None
    Gegl.init(None)
    photo = read_scaled_down(whole(layer), sheet.tiles[0].settings.size)
    originals = [(gettext("Photo"), photo)]
    styles = []
    if chosen is not None:
        styles = [chosen.read()]
        originals.append((gettext("Painting"), styles[0].image))
    title = f"{TITLE}: {gettext(sheet.title)}"
    with (
        _progress(title, photo, interactive=interactive) as display,
        painted_sheet(connect, display, sheet, photo, styles) as painted,
    ):
        return painted, new_sheet_image(painted, originals)


def _left_out(painted: PaintedSheet[Image]) -> str:
    count = painted.missing
    text = ngettext("{count} picture was left out.", "{count} pictures were left out.", count)
    return " ".join([text.format(count=count), *painted.reasons])
