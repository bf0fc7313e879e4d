"""A small window, like one of a file manager, from which a file can be dragged: its path."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk

SIDE_PX = 90
TITLE = "Files to drag"


def main() -> None:
    """Shows the window in the top left corner of the screen until it is killed."""
    uris = [Path(file).as_uri() for file in sys.argv[1:]]

    def give(_widget: Any, _context: Any, data: Any, *_: object) -> None:
        data.set_uris(uris)

    window = Gtk.Window(title=TITLE, type=Gtk.WindowType.POPUP)
    box = Gtk.EventBox()
    box.add(Gtk.Label(label="Drag"))
    box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
    box.drag_source_add_uri_targets()
    box.connect("drag-data-get", give)
    window.add(box)
    window.set_default_size(SIDE_PX, SIDE_PX)
    window.move(0, 0)
    window.show_all()
    Gtk.main()


if __name__ == "__main__":
    main()
