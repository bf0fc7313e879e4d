"""Thumbnails of the available paintings, of which a click chooses one."""

from __future__ import annotations

from impasto_gimp.arguments.procedure_arguments import GALLERY_LABEL, StyleArguments
from impasto_gimp.dialogs.bindings import follow_rows, keep_updated, painting_arguments
from impasto_gimp.dialogs.paintings.model import (
    DESCRIPTION,
    HEIGHT_PX,
    ICON,
    LAYER,
    TEXT,
    URI,
    WIDTH_PX,
    Paintings,
)
from impasto_gimp.dialogs.pictures.pixbufs import icon_size
from impasto_gimp.introspection import Gimp, Gio
from impasto_gimp.introspection_gtk import Gdk, Gtk, Pango

_VISIBLE_HEIGHT_PX = 304


class Gallery:
    """Thumbnails of `paintings`; a click on one chooses it in `config`.

    A click next to them, or one on the chosen painting with Ctrl, chooses none. A double click
    accepts the dialog.

    widget: the thumbnails, which scroll.
    label: the label whose mnemonic leads to them.
    """

    def __init__(
        self,
        config: Gimp.ProcedureConfig,
        arguments: StyleArguments,
        paintings: Paintings,
        label: Gtk.Label,
    ) -> None:
        self._config, self._arguments, self._paintings = config, arguments, paintings
        self._model = paintings.model
        self._view = new_view(self._model)
        self._is_showing = False
        label.set_mnemonic_widget(self._view)
        self._view.connect("selection-changed", self._on_selection_changed)
        self._view.connect("item-activated", self._on_activated)
        keep_updated(self._view, config, painting_arguments([arguments]), self._show_choice)
        paintings.when_complete(self._show_choice)
        follow_rows(self._view, self._model, self._show_choice)
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
            return
        row = self._model[paths[0]]
        chosen = chosen_row(self._config, self._arguments, self._paintings)
        if chosen is None or chosen.path != row.path:
            file = Gio.File.new_for_uri(row[URI]) if row[URI] else None
            choose_painting(self._config, self._arguments, row[LAYER] or file)

    def _on_activated(self, *_: object) -> None:
        """Accepts the dialog, if it can be, after a double click on a painting, or Return."""
        dialog = self._view.get_toplevel()
        if not isinstance(dialog, Gtk.Dialog) or _is_of_space_bar(Gtk.get_current_event()):
            return
        accept = dialog.get_widget_for_response(Gtk.ResponseType.OK)
        if accept is None or accept.get_sensitive():
            dialog.response(Gtk.ResponseType.OK)

    def _show_choice(self) -> None:
        if self._is_showing:
            return
        self._is_showing = True
        try:
            self._select_choice()
        finally:
            self._is_showing = False

    def _select_choice(self) -> None:
        file = self._config.get_property(self._arguments.file)
        if file is not None and self._config.get_property(self._arguments.layer) is None:
            self._paintings.show_file(file)
        row = chosen_row(self._config, self._arguments, self._paintings)
        if row is None:
            self._view.unselect_all()
        elif not self._view.path_is_selected(row.path):
            self._view.select_path(row.path)
            self._view.set_cursor(row.path, None, False)
            self._view.scroll_to_path(row.path, False, 0.0, 0.0)


def _is_of_space_bar(event: Gdk.Event | None) -> bool:
    """Returns whether an event is the space bar, which chooses, and accepts nothing."""
    if event is None:
        return False
    is_of_key, key = event.get_keyval()
    return bool(is_of_key and key in (Gdk.KEY_space, Gdk.KEY_KP_Space))


def chosen_row(
    config: Gimp.ProcedureConfig, arguments: StyleArguments, paintings: Paintings
) -> Gtk.TreeModelRow | None:
    """Returns the row of the painting of one style, if it has one."""
    chosen = config.get_property(arguments.layer) or config.get_property(arguments.file)
    return paintings.row_of(chosen) if chosen else None


def choose_painting(
    config: Gimp.ProcedureConfig, arguments: StyleArguments, painting: Gimp.Layer | Gio.File | None
) -> None:
    """Sets the painting of one style, or takes it away."""
    is_layer = isinstance(painting, Gimp.Layer)
    config.set_property(arguments.file, None if is_layer else painting)
    config.set_property(arguments.layer, painting if is_layer else None)


def new_view(model: Gtk.ListStore) -> Gtk.IconView:
    """Returns a view of the rows of `Paintings`."""
    view = Gtk.IconView(model=model)
    picture, text = Gtk.CellRendererPixbuf(), Gtk.CellRendererText(xalign=0.5)
    picture.set_property("stock-size", icon_size("impasto-painting", max(WIDTH_PX, HEIGHT_PX)))
    picture.set_fixed_size(WIDTH_PX, HEIGHT_PX)  # an icon takes a square
    # Otherwise a long name widens every column.
    text.set_property("ellipsize", Pango.EllipsizeMode.END)
    text.set_property("alignment", Pango.Alignment.CENTER)
    view.pack_start(picture, False)
    view.add_attribute(picture, "gicon", ICON)
    view.pack_start(text, False)
    view.add_attribute(text, "markup", TEXT)
    view.set_tooltip_column(DESCRIPTION)
    view.set_item_width(WIDTH_PX)
    view.set_item_padding(2)
    view.set_column_spacing(2)
    view.set_row_spacing(2)
    view.set_margin(2)
    view.set_selection_mode(Gtk.SelectionMode.SINGLE)
    view.get_accessible().set_name(GALLERY_LABEL)
    return view
