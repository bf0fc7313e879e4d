"""The paintings at hand, to be chosen by sight: Impasto's, the user's own, and open layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from impasto_gimp.image.layer_reader import all_layers
from impasto_gimp.image.style_file import thumbnail
from impasto_gimp.introspection import GdkPixbuf, Gimp, Gio, GLib, GObject
from impasto_gimp.introspection_gtk import Gtk, Pango
from impasto_gimp.procedures.arguments import GALLERY_LABEL, StyleArguments
from impasto_gimp.translation import gettext

SHIPPED = Path(__file__).parents[2] / "styles"
OWN = Path(GLib.get_user_data_dir()) / "impasto/styles"
_WIDTH_PX, _HEIGHT_PX = 88, 66
_SHOWN_HEIGHT_PX = 200
_PIXELS, _NAME, _WHOLE_NAME, _URI, _LAYER = range(5)


def paintings_at_hand(painted: Any) -> Any:
    """A model of all paintings, which fills itself while there is nothing else to do.

    painted: the layer that is to be painted, which is not among them; None without one.
    """
    model = Gtk.ListStore(GdkPixbuf.Pixbuf, str, str, str, GObject.TYPE_PYOBJECT)
    remaining = _rows(painted)

    def add_next() -> bool:
        row = next(remaining, None)
        if row is not None:
            model.append(row)
        return row is not None

    # One thumbnail after the other, so that a large folder does not hold up the dialog.
    GLib.idle_add(add_next)
    return model


def new_gallery(config: Any, arguments: StyleArguments, model: Any, label: Any) -> Any:
    """Thumbnails; the one chosen becomes the painting that `arguments` of `config` name.

    model: of `paintings_at_hand`.
    label: a Gtk.Label that leads to them by its mnemonic.
    """
    view = Gtk.IconView(model=model)
    pixels, name = Gtk.CellRendererPixbuf(), Gtk.CellRendererText(xalign=0.5)
    # A long name must not make every painting's place as wide as it is.
    name.set_property("ellipsize", Pango.EllipsizeMode.END)
    view.pack_start(pixels, False)
    view.add_attribute(pixels, "pixbuf", _PIXELS)
    view.pack_start(name, False)
    view.add_attribute(name, "text", _NAME)
    view.set_tooltip_column(_WHOLE_NAME)
    view.set_item_width(_WIDTH_PX)
    view.set_item_padding(2)
    view.set_column_spacing(2)
    view.set_margin(2)
    view.set_selection_mode(Gtk.SelectionMode.SINGLE)
    view.get_accessible().set_name(GALLERY_LABEL)
    label.set_mnemonic_widget(view)

    def choose(*_: object) -> None:
        chosen = view.get_selected_items()
        if chosen and not _is_chosen(model[chosen[0]]):
            uri, layer = model[chosen[0]][_URI], model[chosen[0]][_LAYER]
            config.set_property(arguments.file, Gio.File.new_for_uri(uri) if uri else None)
            config.set_property(arguments.layer, layer)

    def _is_chosen(row: Any) -> bool:
        layer = config.get_property(arguments.layer)
        if layer is not None:
            return bool(row[_LAYER] == layer)
        file = config.get_property(arguments.file)
        return file is not None and bool(row[_URI] == file.get_uri())

    def show_choice(*_: object) -> None:
        for row in model:
            if _is_chosen(row):
                view.select_path(row.path)
                view.set_cursor(row.path, None, False)
                return
        view.unselect_all()

    view.connect("selection-changed", choose)
    for argument in (arguments.file, arguments.layer):
        config.connect(f"notify::{argument}", show_choice)
    filling = model.connect_after("row-inserted", show_choice)
    view.connect("destroy", lambda _: model.disconnect(filling))
    show_choice()

    scrolled = Gtk.ScrolledWindow()
    scrolled.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
    scrolled.set_min_content_height(_SHOWN_HEIGHT_PX)
    scrolled.set_shadow_type(Gtk.ShadowType.IN)
    scrolled.add(view)
    return scrolled


def _rows(painted: Any) -> Iterator[list[Any]]:
    """The rows, one after the other."""
    for path in paintings():
        file = Gio.File.new_for_path(str(path))
        if pixels := thumbnail(file, _WIDTH_PX, _HEIGHT_PX):
            escaped = GLib.markup_escape_text(file.get_parse_name())
            yield [pixels, painting_name(path), escaped, file.get_uri(), None]
    for image in Gimp.get_images():
        for layer in all_layers(image):
            if layer == painted or not layer.is_valid():
                continue
            pixels = layer.get_thumbnail(_WIDTH_PX, _HEIGHT_PX, Gimp.PixbufTransparency.KEEP_ALPHA)
            place = gettext("The layer “{layer}” of {image}").format(
                layer=layer.get_name(), image=image.get_name()
            )
            yield [pixels, layer.get_name(), GLib.markup_escape_text(place), None, layer]


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
