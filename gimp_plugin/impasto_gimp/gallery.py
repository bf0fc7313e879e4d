"""The paintings at hand, to be chosen by sight: Impasto's and the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, Gio, GLib, Gtk, Pango  # noqa: E402

from impasto_gimp.arguments import GALLERY_LABEL, STYLE  # noqa: E402
from impasto_gimp.style_file import thumbnail  # noqa: E402

SHIPPED = Path(__file__).parent.parent / "styles"
OWN = Path(GLib.get_user_data_dir()) / "impasto/styles"
_WIDTH_PX, _HEIGHT_PX = 88, 66
_ROW_HEIGHT_PX = 122
_PIXELS, _NAME, _URI = range(3)


def new_gallery(config: Any, label: Any) -> Any:
    """A row of thumbnails; the one chosen becomes the style image of `config`.

    label: a Gtk.Label that leads to the row by its mnemonic.
    """
    model = Gtk.ListStore(GdkPixbuf.Pixbuf, str, str)
    view = Gtk.IconView(model=model)
    pixels, name = Gtk.CellRendererPixbuf(), Gtk.CellRendererText(xalign=0.5)
    # A long name must not make every painting's place as wide as it is.
    name.set_property("ellipsize", Pango.EllipsizeMode.END)
    view.pack_start(pixels, False)
    view.add_attribute(pixels, "pixbuf", _PIXELS)
    view.pack_start(name, False)
    view.add_attribute(name, "text", _NAME)
    view.set_item_width(_WIDTH_PX)
    view.set_item_padding(2)
    view.set_column_spacing(2)
    view.set_margin(2)
    view.set_selection_mode(Gtk.SelectionMode.SINGLE)
    view.get_accessible().set_name(GALLERY_LABEL)
    label.set_mnemonic_widget(view)

    def choose(*_: object) -> None:
        chosen = view.get_selected_items()
        if chosen and model[chosen[0]][_URI] != _style_uri(config):
            config.set_property(STYLE, Gio.File.new_for_uri(model[chosen[0]][_URI]))

    def show_choice(*_: object) -> None:
        uri = _style_uri(config)
        for row in model:
            if row[_URI] == uri:
                view.select_path(row.path)
                view.scroll_to_path(row.path, False, 0, 0)
                return
        view.unselect_all()

    view.connect("selection-changed", choose)
    config.connect(f"notify::{STYLE}", show_choice)
    _fill_when_idle(view, model, show_choice)

    scrolled = Gtk.ScrolledWindow()
    scrolled.set_policy(Gtk.PolicyType.AUTOMATIC, Gtk.PolicyType.NEVER)
    scrolled.set_min_content_height(_ROW_HEIGHT_PX)
    scrolled.set_shadow_type(Gtk.ShadowType.IN)
    scrolled.add(view)
    return scrolled


def paintings() -> Iterator[Path]:
    """The pictures in the two folders, those that come with Impasto first."""
    for folder in (SHIPPED, OWN):
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for file in files:
            kind, _ = Gio.content_type_guess(file.name, None)
            if kind.startswith("image/"):
                yield file


def painting_name(file: Path) -> str:
    """What people call it: great_wave.jpg is Great Wave."""
    name: str = GLib.filename_display_name(file.stem)
    return name.replace("_", " ").title()


def _style_uri(config: Any) -> str | None:
    file = config.get_property(STYLE)
    return file.get_uri() if file else None


def _fill_when_idle(view: Any, model: Any, when_filled: Any) -> None:
    """Adds one thumbnail after the other, so that a large folder does not hold up the dialog."""
    remaining = paintings()

    def add_next() -> bool:
        for path in remaining:
            file = Gio.File.new_for_path(str(path))
            pixels = thumbnail(file, _WIDTH_PX, _HEIGHT_PX)
            if pixels is not None:
                model.append([pixels, painting_name(path), file.get_uri()])
                view.set_columns(len(model))
                when_filled()
                return True
        return False

    source = GLib.idle_add(add_next)
    view.connect("destroy", lambda _: _stop(source))


def _stop(source: int) -> None:
    if GLib.MainContext.default().find_source_by_id(source):
        GLib.source_remove(source)
