"""A photo and its painting as one picture, with a line between the two that can be moved."""

from __future__ import annotations

from impasto_gimp.dialogs.main_loop import WhenIdle
from impasto_gimp.dialogs.pictures.pixbufs import scaled, show_sharply
from impasto_gimp.introspection import GdkPixbuf, GLib
from impasto_gimp.introspection_gtk import Gdk, Gtk
from impasto_gimp.translation import gettext

_LINE_PX = 2
_WHITE = 0xFFFFFFFF
# Most of what is seen is painted, and yet the line is noticed.
_FIRST_PLACE = 0.3
_STEP, _PAGE = 0.02, 0.2
_MARGIN_PX = 4
_ROOM_FOR_BADGES_PX = 150
_BADGE = '<span background="black" bgalpha="60%" foreground="white"> {text} </span>'
_HELP = gettext("Drag the line between the photo on its left and the painting on its right")


class SplitPicture:
    """A photo left of a line, and right of it the painting, once there is one.

    widget: the picture, in which the line can be dragged, above a slider that moves it too.
    size: the width and the height of the picture in GTK's pixels; the screen has `scale` times as
        many each way.
    """

    def __init__(self, photo: GdkPixbuf.Pixbuf, size: tuple[int, int], scale: int) -> None:
        self._size, self._scale = size, scale
        self._photo = self._resampled(photo)
        self._painting: GdkPixbuf.Pixbuf | None = None
        self._place = Gtk.Adjustment.new(_FIRST_PLACE, 0.0, 1.0, _STEP, _PAGE, 0.0)
        # A mouse moves more often than the screen can follow.
        self._drawing = WhenIdle(self._draw)
        self._place.connect("value-changed", self._drawing.ask)
        self._image, self._slider = Gtk.Image(), Gtk.Scale(adjustment=self._place, draw_value=False)
        self._badges = [
            _new_badge(gettext("Photo"), Gtk.Align.START),
            _new_badge(gettext("Painting"), Gtk.Align.END),
        ]
        # An icon takes a square, of which the picture is a part: the layout cuts off the rest.
        self._frame = Gtk.Layout()
        self.widget = self._arranged()
        self.show_painting(None)

    def show_photo(self, photo: GdkPixbuf.Pixbuf, size: tuple[int, int]) -> None:
        """Shows another photo, without a painting, at another size."""
        self._size = size
        self._photo = self._resampled(photo)
        self._frame.set_size_request(*size)
        self.show_painting(None)

    def show_painting(self, painting: GdkPixbuf.Pixbuf | None) -> None:
        """Shows `painting` right of the line; if it is None, the photo alone."""
        self._painting = painting and self._resampled(painting)
        for widget in (self._slider, *self._badges):
            widget.set_opacity(0.0 if painting is None else 1.0)  # and takes its room all the same
        self._slider.set_sensitive(painting is not None)
        self._slider.set_has_tooltip(painting is not None)
        self._draw()

    def _resampled(self, pixbuf: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf | None:
        """Returns `pixbuf` with a pixel for each of the screen."""
        width, height = self._size
        return scaled(pixbuf, (width * self._scale, height * self._scale))

    def _arranged(self) -> Gtk.Box:
        self._frame.put(self._image, 0, 0)
        self._frame.set_size_request(*self._size)
        picture = Gtk.Overlay()
        picture.add(self._frame)
        if self._size[0] >= _ROOM_FOR_BADGES_PX:
            for badge in self._badges:
                picture.add_overlay(badge)
        mouse = Gtk.EventBox(above_child=True, halign=Gtk.Align.CENTER)
        mouse.add_events(Gdk.EventMask.BUTTON_PRESS_MASK | Gdk.EventMask.BUTTON1_MOTION_MASK)
        mouse.connect("button-press-event", self._on_drag)
        mouse.connect("motion-notify-event", self._on_drag)
        mouse.add(picture)
        self._slider.set_tooltip_text(_HELP)
        self._image.get_accessible().set_name(gettext("The preview"))
        self._slider.get_accessible().set_name(gettext("Photo and painting"))
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
        box.pack_start(mouse, False, False, 0)
        box.pack_start(self._slider, False, False, 0)
        box.connect("destroy", self._drawing.cancel)
        return box

    def _on_drag(self, _widget: Gtk.Widget, event: Gdk.EventButton | Gdk.EventMotion) -> bool:
        if self._painting is not None:
            self._place.set_value(event.x / self._size[0])
        return True

    def _draw(self) -> None:
        shown = self._photo and self._photo.copy()
        if shown is None:  # memory is short
            return
        if self._painting is not None:
            self._add_painting(shown, self._painting)
        show_sharply(self._image, shown, self._scale)

    def _add_painting(self, shown: GdkPixbuf.Pixbuf, painting: GdkPixbuf.Pixbuf) -> None:
        """Covers what is right of the line with the painting, and draws the line."""
        width, height = shown.get_width(), shown.get_height()
        line_px = min(_LINE_PX * self._scale, width)
        place = round(self._place.get_value() * (width - line_px))
        painting.copy_area(place, 0, width - place, height, shown, place, 0)
        shown.new_subpixbuf(place, 0, line_px, height).fill(_WHITE)


def _new_badge(text: str, side: Gtk.Align) -> Gtk.Label:
    badge = Gtk.Label(halign=side, valign=Gtk.Align.END, margin=_MARGIN_PX)
    badge.set_markup(_BADGE.format(text=GLib.markup_escape_text(text)))
    return badge
