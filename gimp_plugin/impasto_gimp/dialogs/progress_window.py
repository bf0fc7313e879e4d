"""The dialog in which a person watches the picture being painted."""

from __future__ import annotations

from typing import Any

from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.pixbufs import pixbuf_of
from impasto_gimp.introspection import GdkPixbuf, Gimp
from impasto_gimp.introspection_gtk import GimpUi, Gtk
from impasto_gimp.jobs.session import Progress, UserAction
from impasto_gimp.translation import gettext
from impasto_shared.image import Image
from impasto_shared.messages import PreviewOptions

PICTURE_PX = 480
_PREVIEWS = PreviewOptions(longest_side_px=PICTURE_PX, interval_s=0.4)
_MARGIN_PX = 12
_KEEP = 1
_KEEP_HELP = gettext("End here and keep what has been painted as a new layer")


class ProgressWindow:
    """A dialog that shows a picture of width × height as it is being painted.

    start: a Gdk.Pixbuf of what it begins with; None for nothing yet.
    keep: what the button to stop does, in words.
    GIMP can be used meanwhile. Closing the dialog cancels.
    """

    previews: PreviewOptions | None = _PREVIEWS

    def __init__(
        self, title: str, width: int, height: int, start: Any = None, keep: str = _KEEP_HELP
    ) -> None:
        self._action = UserAction.CONTINUE
        self._picture = Gtk.Image()
        self._bar = Gtk.ProgressBar(show_text=True)
        self._loss = Gtk.Label(label=" ", xalign=1.0)
        self._dialog = Gtk.Dialog(title=title, role="impasto-progress")
        self._dialog.add_button(gettext("_Cancel"), Gtk.ResponseType.CANCEL)
        self._keep = self._dialog.add_button(gettext("Stop and _Keep"), _KEEP)
        self._keep.set_tooltip_text(keep)
        self._keep.set_sensitive(False)
        self._dialog.connect("response", self._on_response)
        self._arrange()
        self._size = fitted(width, height)
        self._picture.set_size_request(*self._size)
        self._show_pixels(start)

    def __enter__(self) -> ProgressWindow:
        self._dialog.show_all()
        GimpUi.window_set_transient(self._dialog)
        handle_events()
        return self

    def __exit__(self, *_: object) -> None:
        self._dialog.destroy()
        handle_events()

    def show(self, progress: Progress) -> None:
        """Moves the bar, and lets the person keep the picture as soon as there is one."""
        self._bar.set_text(progress.text)
        if progress.fraction is None:
            self._bar.pulse()
        else:
            self._bar.set_fraction(progress.fraction)
        if progress.loss is not None:
            self._loss.set_text(gettext("Loss {loss}").format(loss=f"{progress.loss:.4g}"))
        self._keep.set_sensitive(progress.can_keep)
        handle_events()

    def show_picture(self, picture: Image) -> None:
        """Shows `picture`, as large as all that came before."""
        self._show_pixels(pixbuf_of(picture))

    def user_action(self) -> UserAction:
        """What was pressed."""
        handle_events()
        return self._action

    def _arrange(self) -> None:
        box = self._dialog.get_content_area()
        box.set_spacing(_MARGIN_PX)
        box.set_border_width(_MARGIN_PX)
        for widget, grows in ((self._picture, True), (self._bar, False), (self._loss, False)):
            box.pack_start(widget, grows, grows, 0)
        for widget, name in (
            (self._picture, gettext("The picture so far")),
            (self._bar, gettext("Progress")),
        ):
            widget.get_accessible().set_name(name)

    def _show_pixels(self, pixels: Any) -> None:
        if pixels is not None:
            scaled = pixels.scale_simple(*self._size, GdkPixbuf.InterpType.BILINEAR)
            self._picture.set_from_pixbuf(scaled)

    def _on_response(self, _dialog: Any, response: int) -> None:
        self._action = UserAction.KEEP if response == _KEEP else UserAction.CANCEL
        self._keep.set_sensitive(False)


def window_for_layer(layer: Any) -> ProgressWindow:
    """One that begins with `layer` as it is."""
    start = layer.get_thumbnail(PICTURE_PX, PICTURE_PX, Gimp.PixbufTransparency.KEEP_ALPHA)
    title = f"{gettext('Neural Style')}: {layer.get_name()}"
    return ProgressWindow(title, layer.get_width(), layer.get_height(), start)


def fitted(width: int, height: int) -> tuple[int, int]:
    """The size in which a picture of width × height fills the window."""
    scale = PICTURE_PX / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
