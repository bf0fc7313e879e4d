"""The window of a GIMP in a sandbox: the line to run outside of it."""

from __future__ import annotations

from impasto_gimp.dialogs.installation.frame import Frame
from impasto_gimp.introspection_gtk import Gdk, Gtk
from impasto_gimp.translation import gettext
from impasto_shared.installation.sandbox import command_outside

_COPY = 1
# The rest can be scrolled to; the whole would be wider than a small screen.
_LINE_CHARS = 80
_OUTSIDE = gettext(
    "No daemon is running, which paints the pictures, and this GIMP's sandbox cannot start one. "
    "Run this line in a terminal: it installs the daemon, and has it start when you log in. It "
    "needs uv, which your system's packages or docs.astral.sh/uv provide."
)


class OutsideWindow(Frame):
    """A window with a line of text, and a button that copies it."""

    def __init__(self, parent: Gtk.Window | None) -> None:
        super().__init__(parent)
        self._line = Gtk.Entry(text=command_outside(), editable=False)
        self._line.set_width_chars(_LINE_CHARS)
        self.add_text(_OUTSIDE)
        self.box.pack_start(self._line, False, False, 0)
        self.dialog.add_button(gettext("_Close"), Gtk.ResponseType.CLOSE)
        self.dialog.add_button(gettext("C_opy"), _COPY)

    def on_response(self, dialog: Gtk.Dialog, response: int) -> None:
        """Copies the line, or ends `run`."""
        if response != _COPY:
            super().on_response(dialog, response)
            return
        display = Gdk.Display.get_default()
        if display is None:
            return
        clipboard = Gtk.Clipboard.get_default(display)
        clipboard.set_text(self._line.get_text(), -1)
        clipboard.store()
