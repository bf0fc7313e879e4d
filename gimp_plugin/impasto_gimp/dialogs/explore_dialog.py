"""The dialog of Explore, which asks for a contact sheet."""

from __future__ import annotations

from typing import Any

from impasto_gimp.dialogs.daemon_bar import new_daemon_bar
from impasto_gimp.dialogs.gallery import paintings_at_hand
from impasto_gimp.dialogs.neural_style_dialog import (
    SETTINGS_BOX,
    accepted,
    arrange,
    possible,
    scale_entry,
)
from impasto_gimp.dialogs.style_page import new_style_page
from impasto_gimp.introspection_gtk import GimpUi, Gtk
from impasto_gimp.jobs.daemon_status import PlannedJobs
from impasto_gimp.procedures.arguments import STYLES
from impasto_gimp.procedures.explore_arguments import (
    QUICKLY,
    SHEET,
    SIZE,
    TITLE,
    chosen_sheet,
    needs_painting,
    summary,
)
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidSettings
from impasto_shared.image import fitted_size

_TEXT_CHARACTERS = 48


def ask_for_sheet(procedure: Any, config: Any, layer: Any) -> bool:
    """Lets the user fill in `config` for a sheet of `layer`; returns False if cancelled."""
    GimpUi.init("impasto-gimp")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
    page = new_style_page(config, STYLES[0], paintings_at_hand(layer))
    settings = _settings(dialog, config)

    def update(*_: object) -> None:
        page.set_sensitive(_needs_painting(config))

    config.connect(f"notify::{SHEET}", update)
    update()

    def work() -> PlannedJobs:
        sheet = chosen_sheet(config)
        size = sheet.tiles[0].settings.size
        width, height = fitted_size(layer.get_width(), layer.get_height(), size)
        return PlannedJobs(tuple(tile.settings for tile in sheet.tiles), width, height)

    arrange(dialog, page, settings, new_daemon_bar(config, possible(work)))
    return accepted(dialog, config, STYLES[:1], lambda: _needs_painting(config))


def _needs_painting(config: Any) -> bool:
    try:
        return needs_painting(chosen_sheet(config))
    except InvalidSettings:  # OK says what is wrong
        return False


def _settings(dialog: Any, config: Any) -> Any:
    """Returns a box for choosing the sheet and its size, with a text about what it shows."""
    dialog.get_widget(SHEET, Gtk.ComboBox.__gtype__)
    scale_entry(dialog, SIZE.name)
    shows = dialog.get_label("shows", " ", False, False)
    amount = dialog.get_label("amount", " ", False, False)
    for label in (shows, amount):
        label.set_xalign(0)
        label.set_line_wrap(True)
        label.set_max_width_chars(_TEXT_CHARACTERS)

    def update(*_: object) -> None:
        try:
            sheet = chosen_sheet(config)
        except InvalidSettings as error:
            amount.set_text(str(error))
        else:
            shows.set_text(gettext(sheet.shows))
            amount.set_text(summary(sheet))

    for argument in (SHEET, QUICKLY, SIZE.name):
        config.connect(f"notify::{argument}", update)
    update()
    box = dialog.fill_box(SETTINGS_BOX, [SHEET, "shows", QUICKLY, SIZE.name, "amount"])
    box.show()
    return box
