"""Thumbnails of the available paintings: Impasto's, the user's own, and open layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from impasto_gimp.arguments.procedure_arguments import GALLERY_LABEL, StyleArguments
from impasto_gimp.dialogs.bindings import keep_updated, painting_arguments
from impasto_gimp.dialogs.pixbufs import thumbnail_of
from impasto_gimp.image.layer_reader import all_layers
from impasto_gimp.image.style_file import thumbnail
from impasto_gimp.introspection import GdkPixbuf, Gimp, Gio, GLib, GObject
from impasto_gimp.introspection_gtk import Gtk, Pango
from impasto_gimp.translation import gettext

SHIPPED = Path(__file__).parents[3] / "styles"
USERS = Path(GLib.get_user_data_dir()) / "impasto/styles"
_WIDTH_PX, _HEIGHT_PX = 88, 66
_VISIBLE_HEIGHT_PX = 200
_PIXBUF, _NAME, _DESCRIPTION, _URI, _LAYER = range(5)

_Row: TypeAlias = list[GdkPixbuf.Pixbuf | str | Gimp.Layer | None]
"""A thumbnail, its name, its tooltip, and either the URI of a file or a layer."""


def available_paintings(painted: Gimp.Layer | None) -> Gtk.ListStore:
    """Returns a model of all paintings, which fills itself while GTK is idle.

    painted: the layer that is to be painted, which is left out.
    """
    model = Gtk.ListStore(GdkPixbuf.Pixbuf, str, str, str, GObject.TYPE_PYOBJECT)
    rows = _rows(painted)

    def add_next() -> bool:
        row = next(rows, None)
        if row is not None:
            model.append(row)
        return row is not None

    # One thumbnail at a time, so that a large folder does not block the dialog.
    GLib.idle_add(add_next)
    return model


def _rows(painted: Gimp.Layer | None) -> Iterator[_Row]:
    for path in painting_files():
        file = Gio.File.new_for_path(str(path))
        if pixbuf := thumbnail(file, _WIDTH_PX, _HEIGHT_PX):
            description = GLib.markup_escape_text(file.get_parse_name())
            yield [pixbuf, painting_name(path), description, file.get_uri(), None]
    for image in Gimp.get_images():
        for layer in all_layers(image):
            if layer == painted or not layer.is_valid():
                continue
            pixbuf = thumbnail_of(layer, _WIDTH_PX, _HEIGHT_PX)
            description = gettext("The layer “{layer}” of {image}").format(
                layer=layer.get_name(), image=image.get_name()
            )
            escaped = GLib.markup_escape_text(description)
            yield [pixbuf, layer.get_name(), escaped, None, layer]


def painting_files() -> Iterator[Path]:
    """Yields the pictures in the two folders, those of Impasto first."""
    for folder in (SHIPPED, USERS):
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for file in files:
            content_type, _ = Gio.content_type_guess(file.name, None)
            if content_type.startswith("image/"):
                yield file


def painting_name(file: Path) -> str:
    """Returns the title of a painting: Great Wave for great_wave.jpg."""
    return GLib.filename_display_name(file.stem).replace("_", " ").title()


class Gallery:
    """Thumbnails of the paintings in `model`; a click on one chooses it in `config`.

    A click next to them, or one on the chosen painting with Ctrl, chooses none.

    widget: the thumbnails, which scroll.
    label: the label whose mnemonic leads to them.
    """

    def __init__(
        self,
        config: Gimp.ProcedureConfig,
        arguments: StyleArguments,
        model: Gtk.ListStore,
        label: Gtk.Label,
    ) -> None:
        self._config, self._arguments, self._model = config, arguments, model
        self._view = _new_view(model)
        self._is_showing = False
        label.set_mnemonic_widget(self._view)
        self._view.connect("selection-changed", self._on_selection_changed)
        keep_updated(self._view, config, painting_arguments([arguments]), self._show_choice)
        filling = model.connect_after("row-inserted", lambda *_: self._show_choice())
        self._view.connect("destroy", lambda _: model.disconnect(filling))
        self.widget = Gtk.ScrolledWindow()
        self.widget.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        self.widget.set_min_content_height(_VISIBLE_HEIGHT_PX)
        self.widget.set_shadow_type(Gtk.ShadowType.IN)
        self.widget.add(self._view)

    def _on_selection_changed(self, *_: object) -> None:
        # Without a model the view is being destroyed, and the choice remains.
        if self._is_showing or self._view.get_model() is None:
            return
        paths = self._view.get_selected_items()
        if not paths:
            choose_painting(self._config, self._arguments, None)
        elif not self._is_chosen(row := self._model[paths[0]]):
            file = Gio.File.new_for_uri(row[_URI]) if row[_URI] else None
            choose_painting(self._config, self._arguments, row[_LAYER] or file)

    def _is_chosen(self, row: Gtk.TreeModelRow) -> bool:
        layer = self._config.get_property(self._arguments.layer)
        if layer is not None:
            return bool(row[_LAYER] == layer)
        file = self._config.get_property(self._arguments.file)
        if file is None or row[_URI] is None:
            return False
        return local_path(file) == local_path(Gio.File.new_for_uri(row[_URI]))

    def _show_choice(self) -> None:
        self._is_showing = True
        try:
            self._select_choice()
        finally:
            self._is_showing = False

    def _select_choice(self) -> None:
        for row in self._model:
            if self._is_chosen(row):
                self._view.select_path(row.path)
                self._view.set_cursor(row.path, None, False)
                return
        self._view.unselect_all()


def choose_painting(
    config: Gimp.ProcedureConfig, arguments: StyleArguments, painting: Gimp.Layer | Gio.File | None
) -> None:
    """Sets the painting of one style, or takes it away."""
    is_layer = isinstance(painting, Gimp.Layer)
    config.set_property(arguments.file, None if is_layer else painting)
    config.set_property(arguments.layer, painting if is_layer else None)


def local_path(file: Gio.File) -> str | None:
    """Returns the path of a file, as it is whatever number of slashes it begins with.

    GIMP 3.2 restores file:///home as file:////home.
    """
    path = file.get_path()
    return None if path is None else "/" + path.lstrip("/")


def _new_view(model: Gtk.ListStore) -> Gtk.IconView:
    view = Gtk.IconView(model=model)
    pixbuf, name = Gtk.CellRendererPixbuf(), Gtk.CellRendererText(xalign=0.5)
    # Otherwise a long name widens every column.
    name.set_property("ellipsize", Pango.EllipsizeMode.END)
    view.pack_start(pixbuf, False)
    view.add_attribute(pixbuf, "pixbuf", _PIXBUF)
    view.pack_start(name, False)
    view.add_attribute(name, "text", _NAME)
    view.set_tooltip_column(_DESCRIPTION)
    view.set_item_width(_WIDTH_PX)
    view.set_item_padding(2)
    view.set_column_spacing(2)
    view.set_margin(2)
    view.set_selection_mode(Gtk.SelectionMode.SINGLE)
    view.get_accessible().set_name(GALLERY_LABEL)
    return view
