"""The frame of a window about the installation."""

from __future__ import annotations

from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.introspection import GLib
from impasto_gimp.introspection_gtk import Gtk
from impasto_gimp.translation import gettext

TITLE = gettext("Install Impasto's Daemon")
_SPACING_PX = 12
_TEXT_CHARS = 60


class Frame:
    """A dialog with a text above what is packed into `box`."""

    def __init__(self, parent: Gtk.Window | None) -> None:
        self.is_closed = False
        self.dialog = Gtk.Dialog(title=TITLE, role="impasto-installation")
        if parent is not None:
            self.dialog.set_transient_for(parent)
            self.dialog.set_modal(True)
        self.box = self.dialog.get_content_area()
        self.box.set_spacing(_SPACING_PX)
        self.box.set_border_width(_SPACING_PX)
        self.dialog.connect("response", self.on_response)

    def add_text(self, text: str) -> Gtk.Label:
        """Adds a paragraph."""
        # Without a width of its own, it is as tall as it would be in the narrowest window.
        label = Gtk.Label(label=text, xalign=0.0, wrap=True, width_chars=_TEXT_CHARS)
        label.set_max_width_chars(_TEXT_CHARS)
        label.set_selectable(True)
        self.box.pack_start(label, False, False, 0)
        return label

    def run(self) -> None:
        """Returns when the window is closed."""
        self.dialog.show_all()
        self.dialog.set_focus(None)  # of the labels that can be selected
        while not self.is_closed:
            GLib.MainContext.default().iteration(True)

    def close(self) -> None:
        """Closes the window."""
        self.dialog.destroy()
        handle_events()

    def on_response(self, _dialog: Gtk.Dialog, _response: int) -> None:
        """Ends `run`."""
        self.is_closed = True
