"""Files that the user drags from a file manager and drops onto a widget."""

from __future__ import annotations

from collections.abc import Callable

from impasto_gimp.introspection import Gio
from impasto_gimp.introspection_gtk import Gdk, Gtk


def accept_files(widget: Gtk.Widget, take: Callable[[list[Gio.File]], object]) -> None:
    """Has `take` called with the files that are dropped onto `widget`, if there are any."""

    def receive(
        _widget: Gtk.Widget,
        _context: Gdk.DragContext,
        _x: int,
        _y: int,
        data: Gtk.SelectionData,
        *_: object,
    ) -> None:
        if files := [Gio.File.new_for_uri(uri) for uri in data.get_uris()]:
            take(files)

    widget.drag_dest_set(Gtk.DestDefaults.ALL, [], Gdk.DragAction.COPY)
    widget.drag_dest_add_uri_targets()
    widget.connect("drag-data-received", receive)
