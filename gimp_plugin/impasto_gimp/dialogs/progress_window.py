"""The window that shows the picture while it is being painted, and its end in the background."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.dialogs.pictures.pixbufs import pixbuf_of
from impasto_gimp.dialogs.pictures.zoomed_picture import ZoomedPicture
from impasto_gimp.image.layer_reader import read_small
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.introspection import GdkPixbuf
from impasto_gimp.introspection_gtk import Gdk, GimpUi, Gtk
from impasto_gimp.jobs.session import Progress, UserAction
from impasto_gimp.translation import decimal, gettext
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image
from impasto_shared.protocol.messages import LARGEST_PREVIEW_PX, PreviewOptions

PICTURE_PX = 480
_INTERVAL_S = 0.4
# Larger previews take longer to make, to send and to show.
_LARGE_PX, _LARGE_INTERVAL_S = 1024, 1.0
_MARGIN_PX = 12
_KEEP, _ADJUST, _LEAVE = 1, 2, 3
_ACTIONS = {_KEEP: UserAction.KEEP, _ADJUST: UserAction.ADJUST, _LEAVE: UserAction.LEAVE}
_LOSS_HELP = gettext(
    "Loss {loss}: how far the picture still is from the photo's content and the painting's style; "
    "smaller is closer"
)
_ADJUST_HELP = gettext("Stop here without a new layer, and go back to the settings")
_KEEP_HELP = gettext("Stop here and keep the picture so far as a new layer")
_LEAVE_HELP = gettext(
    "Close this window and paint on: the layer is added when it is done. If you close the image or "
    "quit GIMP before, you find the picture in Neural Style: Results…, when the image is open again"
)
_KEEP_FRAMES_HELP = gettext("Stop here and keep the finished frames as new layers")
_LEAVE_FRAMES_HELP = gettext(
    "Close this window and paint on: the layers are added when all are done. If you quit GIMP "
    "before, they are lost"
)


class ProgressWindow:
    """A window that shows a picture of width × height, the progress, and what one can do.

    photo: returns the picture to compare with, at most so large: it is shown until the first
        preview. None: there is none.
    keep_help, leave_help: the tooltips of the buttons that stop and keep, and close the window.
    can_adjust: whether there is a button to go back to the settings.
    can_leave: whether there is a button to continue without the window.
    GIMP stays usable meanwhile. Closing the window cancels.
    """

    def __init__(
        self,
        title: str,
        width: int,
        height: int,
        photo: Callable[[int], Image] | None = None,
        keep_help: str = _KEEP_HELP,
        leave_help: str = _LEAVE_HELP,
        *,
        can_adjust: bool = True,
        can_leave: bool = False,
    ) -> None:
        self._action = UserAction.CONTINUE
        self._bar = Gtk.ProgressBar(show_text=True)
        self._dialog = Gtk.Dialog(title=title, role="impasto-progress")
        self._dialog.add_button(gettext("_Cancel"), Gtk.ResponseType.CANCEL)
        if can_adjust:
            adjust = self._dialog.add_button(gettext("_Adjust…"), _ADJUST)
            adjust.set_tooltip_text(_ADJUST_HELP)
        if can_leave:
            leave = self._dialog.add_button(gettext("Continue in _Background"), _LEAVE)
            leave.set_tooltip_text(leave_help)
        self._keep = self._dialog.add_button(gettext("Stop and _Keep"), _KEEP)
        self._keep.set_tooltip_text(keep_help)
        self._keep.set_sensitive(False)
        self._dialog.connect("response", self._on_response)
        self._picture = ZoomedPicture(
            *(width, height, PICTURE_PX, self._dialog.get_scale_factor()),
            photo=None if photo is None else _Photo(photo),
        )
        for event in ("key-press-event", "key-release-event"):
            self._dialog.connect(event, self._on_key)
        self._pack()

    @property
    def is_left(self) -> bool:
        """True if the painting continues without the window."""
        return self._action is UserAction.LEAVE

    @property
    def previews(self) -> PreviewOptions | None:
        """Previews as sharp as the picture is shown; none in the background."""
        if self.is_left:
            return None
        needed_px = min(self._picture.needed_px, LARGEST_PREVIEW_PX)
        interval_s = _INTERVAL_S if needed_px < _LARGE_PX else _LARGE_INTERVAL_S
        return PreviewOptions(longest_side_px=needed_px, interval_s=interval_s)

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
            loss = decimal(f"{progress.loss:.4g}")
            self._bar.set_tooltip_text(_LOSS_HELP.format(loss=loss))
        self._keep.set_sensitive(progress.can_keep)
        handle_events()

    def show_picture(self, picture: Image) -> None:
        """Shows `picture` at the same size as all pictures before it."""
        self._picture.show(pixbuf_of(picture))

    def show_area(self, area: PaintedArea) -> None:
        """Shows `area`, which is painted next, until there is a picture of it."""
        if not self.is_left:
            self._picture.show_photo(_Photo(partial(read_small, area)))

    def user_action(self) -> UserAction:
        """Handles events and returns what the user has done."""
        handle_events()
        return self._action

    def _pack(self) -> None:
        box = self._dialog.get_content_area()
        box.set_spacing(_MARGIN_PX)
        box.set_border_width(_MARGIN_PX)
        box.pack_start(self._picture.widget, True, True, 0)
        box.pack_start(self._bar, False, False, 0)
        self._bar.get_accessible().set_name(gettext("Progress"))

    def _on_response(self, _dialog: Gtk.Dialog, response: int) -> None:
        if self.is_left:
            return
        self._action = _ACTIONS.get(response, UserAction.CANCEL)
        self._keep.set_sensitive(False)
        if self.is_left:
            self._dialog.hide()

    def _on_key(self, _dialog: Gtk.Dialog, event: Gdk.EventKey) -> bool:
        return self._picture.handle_key(event)


class BackgroundProgress:
    """The progress of a painting that the user has left to the background."""

    previews: PreviewOptions | None = None
    is_left = True

    def __enter__(self) -> BackgroundProgress:
        return self

    def __exit__(self, *_: object) -> None:
        """Does nothing: there is no window."""

    def show(self, progress: Progress) -> None:
        """Does nothing."""

    def show_picture(self, picture: Image) -> None:
        """Does nothing."""

    def show_area(self, area: PaintedArea) -> None:
        """Does nothing."""

    def user_action(self) -> UserAction:
        """Handles events and returns that the user has left."""
        handle_events()
        return UserAction.LEAVE


class _Photo:
    """The photo as a pixbuf, read again for a larger one."""

    def __init__(self, read: Callable[[int], Image]) -> None:
        self._read = read
        self._pixbuf: GdkPixbuf.Pixbuf | None = None
        self._read_px = 0

    def __call__(self, longest_side_px: int) -> GdkPixbuf.Pixbuf:
        needed_px = min(longest_side_px, LARGEST_PREVIEW_PX)
        if self._pixbuf is None or needed_px > self._read_px:
            try:
                self._pixbuf = pixbuf_of(self._read(needed_px))
            except ImpastoError:  # the layer was deleted meanwhile
                if self._pixbuf is None:
                    raise
            self._read_px = needed_px
        return self._pixbuf


def window_for_area(area: PaintedArea, of_several: str = "") -> ProgressWindow:
    """Returns a window that first shows `area` as it is.

    of_several: which of several paintings it is, for people.
    """
    title = f"{gettext('Neural Style')}: {area.layer.get_name()}{of_several}"
    size = area.width, area.height
    return ProgressWindow(title, *size, partial(read_small, area), can_leave=True)


def window_for_frames(area: PaintedArea) -> ProgressWindow:
    """Returns a window for the frames of an animation, the first of which is `area`."""
    title = f"{gettext('Neural Style')}: {area.layer.get_image().get_name()}"
    size = area.width, area.height
    photo = partial(read_small, area)
    return ProgressWindow(
        *(title, *size, photo, _KEEP_FRAMES_HELP, _LEAVE_FRAMES_HELP), can_leave=True
    )
