"""The dialog of Explore, which asks for a contact sheet."""

from __future__ import annotations

from typing import cast

from impasto_gimp.arguments.explore_arguments import (
    QUICKLY,
    SHEET,
    SIZE,
    TITLE,
    chosen_sheet,
    needs_painting,
    summary,
)
from impasto_gimp.arguments.procedure_arguments import STYLES
from impasto_gimp.dialogs.bindings import keep_updated
from impasto_gimp.dialogs.daemon_bar import DaemonBar
from impasto_gimp.dialogs.neural_style_dialog import (
    SETTINGS_BOX,
    accepted,
    arrange,
    scale_entry,
    unless_invalid,
)
from impasto_gimp.dialogs.paintings.model import Paintings
from impasto_gimp.dialogs.paintings.style_page import new_style_page
from impasto_gimp.introspection import Gimp
from impasto_gimp.introspection_gtk import GimpUi, Gtk
from impasto_gimp.jobs.daemon_status import PlannedJobs
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidSettings
from impasto_shared.image import fitted_size

_TEXT_CHARACTERS = 48


def ask_for_sheet(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, layer: Gimp.Layer
) -> bool:
    """Returns whether the user filled in `config` for a contact sheet of `layer`."""
    GimpUi.init("impasto-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
    page = new_style_page(config, STYLES[0], Paintings(layer, dialog.get_scale_factor()))
    settings = _settings(dialog, config)

    keep_updated(page, config, [SHEET], lambda: page.set_sensitive(_needs_painting(config)))

    def planned_jobs() -> PlannedJobs:
        sheet = chosen_sheet(config)
        size = sheet.tiles[0].settings.size
        width, height = fitted_size(layer.get_width(), layer.get_height(), size)
        return PlannedJobs(tuple(tile.settings for tile in sheet.tiles), width, height)

    arrange(dialog, page, settings, DaemonBar(config, unless_invalid(planned_jobs)))
    return accepted(dialog, config, STYLES[:1], lambda: _needs_painting(config))


def _needs_painting(config: Gimp.ProcedureConfig) -> bool:
    try:
        return needs_painting(chosen_sheet(config))
    except InvalidSettings:  # OK says what is wrong
        return False


def _settings(dialog: GimpUi.ProcedureDialog, config: Gimp.ProcedureConfig) -> Gtk.Widget:
    """Returns a box with the sheet, its description, and the amount of work."""
    dialog.get_widget(SHEET, Gtk.ComboBox.__gtype__)
    scale_entry(dialog, SIZE.name)
    shows, amount = _new_text(dialog, "shows"), _new_text(dialog, "amount")

    def update() -> None:
        try:
            sheet = chosen_sheet(config)
        except InvalidSettings as error:
            amount.set_text(str(error))
        else:
            shows.set_text(gettext(sheet.shows))
            amount.set_text(summary(sheet))

    keep_updated(shows, config, (SHEET, QUICKLY, SIZE.name), update)
    box = dialog.fill_box(SETTINGS_BOX, [SHEET, "shows", QUICKLY, SIZE.name, "amount"])
    box.show()
    return box


def _new_text(dialog: GimpUi.ProcedureDialog, name: str) -> Gtk.Label:
    label = cast(Gtk.Label, dialog.get_label(name, " ", False, False))
    label.set_xalign(0)
    label.set_line_wrap(True)
    label.set_max_width_chars(_TEXT_CHARACTERS)
    return label
