"""The window that shows the picture while it is being painted."""

from __future__ import annotations

from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.pixbufs import filling_size, pixbuf_of, scaled
from impasto_gimp.image.layer_reader import read_small
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.introspection import GdkPixbuf
from impasto_gimp.introspection_gtk import GimpUi, Gtk
from impasto_gimp.jobs.session import Progress, UserAction
from impasto_gimp.translation import decimal, gettext
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions

PICTURE_PX = 480
_PREVIEWS = PreviewOptions(longest_side_px=PICTURE_PX, interval_s=0.4)
_MARGIN_PX = 12
_KEEP, _ADJUST = 1, 2
_ACTIONS = {_KEEP: UserAction.KEEP, _ADJUST: UserAction.ADJUST}
_LOSS_HELP = gettext(
    "How far the picture still is from the photo's content and the painting's style; smaller is "
    "closer"
)
_ADJUST_HELP = gettext("Stop here without a new layer, and go back to the settings")
_KEEP_HELP = gettext("Stop here and keep the picture so far as a new layer")


class ProgressWindow:
    """A window that shows a picture of width × height, the progress, and what one can do.

    start: the picture to show until the first preview.
    keep_help: the tooltip of the button that stops and keeps.
    can_adjust: whether there is a button to go back to the settings.
    GIMP stays usable meanwhile. Closing the window cancels.
    """

    previews: PreviewOptions | None = _PREVIEWS

    def __init__(
        self,
        title: str,
        width: int,
        height: int,
        start: GdkPixbuf.Pixbuf | None = None,
        keep_help: str = _KEEP_HELP,
        *,
        can_adjust: bool = True,
    ) -> None:
        self._action = UserAction.CONTINUE
        self._picture = Gtk.Image()
        self._bar = Gtk.ProgressBar(show_text=True)
        self._loss = Gtk.Label(label=" ", xalign=1.0)
        self._loss.set_tooltip_text(_LOSS_HELP)
        self._dialog = Gtk.Dialog(title=title, role="impasto-progress")
        self._dialog.add_button(gettext("_Cancel"), Gtk.ResponseType.CANCEL)
        if can_adjust:
            adjust = self._dialog.add_button(gettext("_Adjust…"), _ADJUST)
            adjust.set_tooltip_text(_ADJUST_HELP)
        self._keep = self._dialog.add_button(gettext("Stop and _Keep"), _KEEP)
        self._keep.set_tooltip_text(keep_help)
        self._keep.set_sensitive(False)
        self._dialog.connect("response", self._on_response)
        self._pack()
        self._size = filling_size(width, height, PICTURE_PX)
        self._picture.set_size_request(*self._size)
        if start is not None:
            self._show_pixbuf(start)

    def __enter__(self) -> ProgressWindow:
        self._dialog.show_all()
        # GTK gives it to Cancel, and Return or the space bar would throw the painting away.
        self._dialog.set_focus(None)
        GimpUi.window_set_transient(self._dialog)
        handle_events()
        return self

    def __exit__(self, *_: object) -> None:
        self._dialog.destroy()
        handle_events()

    def show(self, progress: Progress) -> None:
        """Moves the bar, and enables the button to keep the picture once there is one."""
        self._bar.set_text(progress.text)
        if progress.fraction is None:
            self._bar.pulse()
        else:
            self._bar.set_fraction(progress.fraction)
        if progress.loss is not None:
            self._loss.set_text(gettext("Loss {loss}").format(loss=decimal(f"{progress.loss:.4g}")))
        self._keep.set_sensitive(progress.can_keep)
        handle_events()

    def show_picture(self, picture: Image) -> None:
        """Shows `picture` at the same size as all pictures before it."""
        self._show_pixbuf(pixbuf_of(picture))

    def user_action(self) -> UserAction:
        """Handles events and returns what the user has done."""
        handle_events()
        return self._action

    def _pack(self) -> None:
        box = self._dialog.get_content_area()
        box.set_spacing(_MARGIN_PX)
        box.set_border_width(_MARGIN_PX)
        box.pack_start(self._picture, True, True, 0)
        box.pack_start(self._bar, False, False, 0)
        box.pack_start(self._loss, False, False, 0)
        self._picture.get_accessible().set_name(gettext("The picture so far"))
        self._bar.get_accessible().set_name(gettext("Progress"))

    def _show_pixbuf(self, pixbuf: GdkPixbuf.Pixbuf) -> None:
        self._picture.set_from_pixbuf(scaled(pixbuf, self._size))

    def _on_response(self, _dialog: Gtk.Dialog, response: int) -> None:
        self._action = _ACTIONS.get(response, UserAction.CANCEL)
        self._keep.set_sensitive(False)


def window_for_area(area: PaintedArea) -> ProgressWindow:
    """Returns a window that first shows `area` as it is."""
    start = pixbuf_of(read_small(area, PICTURE_PX))
    title = f"{gettext('Neural Style')}: {area.layer.get_name()}"
    return ProgressWindow(title, area.width, area.height, start)
