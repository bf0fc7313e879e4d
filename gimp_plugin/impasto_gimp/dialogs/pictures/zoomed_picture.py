"""A picture that can be enlarged, and compared with the one that it was made from."""

from __future__ import annotations

from collections.abc import Callable

from impasto_gimp.dialogs.main_loop import WhenIdle
from impasto_gimp.dialogs.pictures.pixbufs import filling_size, show_sharply
from impasto_gimp.introspection import GdkPixbuf
from impasto_gimp.introspection_gtk import Gdk, Gtk
from impasto_gimp.translation import gettext

_STEP = 2**0.5
_LARGEST = 4.0
_SCROLLED = 0.2
_COMPARING_KEY = Gdk.KEY_p
_ROOM_PX = 6
_HELP = gettext("Hold the mouse button on the picture, or the key P, to see the photo")
_FIT_HELP = gettext("Show the whole picture (key 0)")
_FULL_HELP = gettext("Show each pixel of the layer as one pixel of the screen (key 1)")


class ZoomedPicture:
    """A picture of `width` × `height` pixels, which fits into its place until it is enlarged.

    photo: returns the photo, at most so large; called again for a larger one. None: there is none.
    fit_px: the longest side of the place, in GTK's pixels.
    scale: the pixels of the screen for one of GTK's, each way.
    widget: the place, above its buttons.
    needed_px: the longest side of a picture that is as sharp as what is shown.
    """

    def __init__(
        self,
        width: int,
        height: int,
        fit_px: int,
        scale: int,
        photo: Callable[[int], GdkPixbuf.Pixbuf] | None,
    ) -> None:
        self._full = width, height
        self._room = filling_size(width, height, fit_px)
        self._scale = scale
        self._photo_of = photo
        self._photo: GdkPixbuf.Pixbuf | None = None
        self._picture: GdkPixbuf.Pixbuf | None = None
        self._zoom: float | None = None
        self._is_held = False
        self._drawing = WhenIdle(self._draw)
        self._image = Gtk.Image()
        self._paper = Gtk.Layout()
        self._place = Gtk.ScrolledWindow()
        self._percent = Gtk.Label(width_chars=7)
        self._compare = Gtk.ToggleButton.new_with_mnemonic(gettext("Show the _photo"))
        self.widget = self._arranged()
        if photo is not None:
            self._photo = photo(self.needed_px)
        self._draw()

    def show(self, picture: GdkPixbuf.Pixbuf) -> None:
        """Shows another picture, of any resolution, in the place of the last one."""
        self._picture = picture
        self._draw()

    def show_photo(self, photo: Callable[[int], GdkPixbuf.Pixbuf]) -> None:
        """Shows another photo, which is called as the first one was, in place of the picture."""
        self._photo_of, self._photo, self._picture = photo, photo(self.needed_px), None
        self._draw()

    @property
    def needed_px(self) -> int:
        """The longest side of a picture that is as sharp as what is shown."""
        return max(self._shown_size) * self._scale

    @property
    def _shown_size(self) -> tuple[int, int]:
        """The size at which the picture is shown, in GTK's pixels."""
        zoom = self._zoom or self._fitting_zoom
        width, height = (max(1, round(side * zoom / self._scale)) for side in self._full)
        return width, height

    @property
    def _fitting_zoom(self) -> float:
        return self._scale * min(
            room / side for room, side in zip(self._room, self._full, strict=True)
        )

    def _arranged(self) -> Gtk.Box:
        self._paper.put(self._image, 0, 0)
        self._paper.set_can_focus(True)
        self._paper.add_events(
            Gdk.EventMask.BUTTON_PRESS_MASK
            | Gdk.EventMask.BUTTON_RELEASE_MASK
            | Gdk.EventMask.SCROLL_MASK
        )
        self._paper.connect("button-press-event", self._on_button, True)
        self._paper.connect("button-release-event", self._on_button, False)
        self._paper.connect("scroll-event", self._on_scroll)
        self._place.add(self._paper)
        self._place.set_size_request(*self._room)
        self._place.connect("size-allocate", self._on_size_allocate)
        self._place.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.NEVER)
        for adjustment in (self._place.get_hadjustment(), self._place.get_vadjustment()):
            adjustment.connect("value-changed", self._drawing.ask)
        self._image.get_accessible().set_name(gettext("The picture so far"))
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_ROOM_PX)
        box.pack_start(self._place, True, True, 0)
        box.pack_start(self._arranged_buttons(), False, False, 0)
        box.connect("destroy", self._drawing.cancel)
        return box

    def _arranged_buttons(self) -> Gtk.Box:
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_ROOM_PX)
        for label, help_text, action in (
            (gettext("_Fit"), _FIT_HELP, lambda *_: self._zoom_to(None)),
            ("_100 %", _FULL_HELP, lambda *_: self._zoom_to(1.0)),
            ("−", gettext("Smaller (key −)"), lambda *_: self._zoom_by(1 / _STEP)),
            ("+", gettext("Larger (key +)"), lambda *_: self._zoom_by(_STEP)),
        ):
            button = Gtk.Button.new_with_mnemonic(label)
            button.set_tooltip_text(help_text)
            button.set_focus_on_click(False)
            if not label[-1].isalnum() and "%" not in label:
                button.get_accessible().set_name(help_text)
            button.connect("clicked", action)
            row.pack_start(button, False, False, 0)
        self._percent.get_accessible().set_name(gettext("Enlargement"))
        row.pack_start(self._percent, False, False, 0)
        if self._photo_of is not None:
            self._compare.set_tooltip_text(_HELP)
            self._compare.set_focus_on_click(False)
            self._compare.connect("toggled", self._drawing.ask)
            row.pack_end(self._compare, False, False, 0)
        return row

    def handle_key(self, event: Gdk.EventKey) -> bool:
        """Returns whether a key of the window that was pressed or released means something here."""
        if event.state & (Gdk.ModifierType.CONTROL_MASK | Gdk.ModifierType.MOD1_MASK):
            return False
        key = Gdk.keyval_to_lower(event.keyval)
        is_pressed = event.type == Gdk.EventType.KEY_PRESS
        if key == _COMPARING_KEY:
            self._hold(is_held=is_pressed)
            return True
        if not is_pressed:
            return False
        if key in (Gdk.KEY_plus, Gdk.KEY_equal, Gdk.KEY_KP_Add):
            self._zoom_by(_STEP)
        elif key in (Gdk.KEY_minus, Gdk.KEY_KP_Subtract):
            self._zoom_by(1 / _STEP)
        elif key in (Gdk.KEY_0, Gdk.KEY_KP_0):
            self._zoom_to(None)
        elif key in (Gdk.KEY_1, Gdk.KEY_KP_1):
            self._zoom_to(1.0)
        else:
            return self._zoom is not None and self._scroll(key)
        return True

    def _scroll(self, key: int) -> bool:
        across, down = self._place.get_hadjustment(), self._place.get_vadjustment()
        moves = {
            Gdk.KEY_Left: (across, -_SCROLLED),
            Gdk.KEY_Right: (across, _SCROLLED),
            Gdk.KEY_Up: (down, -_SCROLLED),
            Gdk.KEY_Down: (down, _SCROLLED),
        }
        if key not in moves:
            return False
        adjustment, share = moves[key]
        adjustment.set_value(adjustment.get_value() + share * adjustment.get_page_size())
        return True

    def _hold(self, *, is_held: bool) -> None:
        if is_held != self._is_held:
            self._is_held = is_held
            self._draw()

    def _on_button(self, _paper: Gtk.Widget, event: Gdk.EventButton, is_pressed: bool) -> bool:
        if event.button == 1:
            self._hold(is_held=is_pressed)
        return True

    def _on_scroll(self, _paper: Gtk.Widget, event: Gdk.EventScroll) -> bool:
        if not event.state & Gdk.ModifierType.CONTROL_MASK:
            return False
        if event.direction == Gdk.ScrollDirection.UP:
            self._zoom_by(_STEP)
        elif event.direction == Gdk.ScrollDirection.DOWN:
            self._zoom_by(1 / _STEP)
        return True

    def _zoom_by(self, factor: float) -> None:
        zoom = (self._zoom or self._fitting_zoom) * factor
        # Never less than all of it.
        self._zoom_to(None if zoom <= self._fitting_zoom else min(zoom, _LARGEST))

    def _zoom_to(self, zoom: float | None) -> None:
        """Enlarges the picture around the middle of what is shown; None: it fits its place."""
        if zoom is not None and zoom <= self._fitting_zoom:
            zoom = None
        middles = [self._middle(each) for each in self._adjustments]
        self._zoom = zoom
        policy = Gtk.PolicyType.NEVER if zoom is None else Gtk.PolicyType.AUTOMATIC
        self._place.set_policy(policy, policy)
        self._paper.set_size(*self._shown_size)
        for adjustment, side, middle in zip(
            self._adjustments, self._shown_size, middles, strict=True
        ):
            adjustment.set_upper(side)
            adjustment.set_value(middle * side - adjustment.get_page_size() / 2)
        if self._photo_of is not None:
            self._photo = self._photo_of(self.needed_px)
        self._drawing.ask()

    @property
    def _adjustments(self) -> tuple[Gtk.Adjustment, Gtk.Adjustment]:
        return self._place.get_hadjustment(), self._place.get_vadjustment()

    def _middle(self, adjustment: Gtk.Adjustment) -> float:
        upper = max(1.0, adjustment.get_upper())
        return (adjustment.get_value() + adjustment.get_page_size() / 2) / upper

    def _draw(self) -> None:
        is_photo = self._is_held or self._compare.get_active() or self._picture is None
        pixbuf = self._photo if is_photo else self._picture
        zoom = self._zoom or self._fitting_zoom
        self._percent.set_text(f"{round(100 * zoom)} %")
        if pixbuf is None:
            return
        x, y = (round(each.get_value()) if self._zoom else 0 for each in self._adjustments)
        visible = self._cropped(pixbuf, x, y)
        if visible is not None:
            show_sharply(self._image, visible, self._scale)
            # A picture that is smaller than its place is in the middle.
            left, top = (
                max(0, (room - side) // 2)
                for room, side in zip(self._room, self._shown_size, strict=True)
            )
            self._paper.move(self._image, x + left, y + top)

    def _cropped(self, pixbuf: GdkPixbuf.Pixbuf, x: int, y: int) -> GdkPixbuf.Pixbuf | None:
        """Returns the visible part of a picture shown from (x, y) on, in the screen's pixels.

        None if memory is short.
        """
        width, height = (side * self._scale for side in self._shown_size)
        visible_width, visible_height = (
            min(side, room) * self._scale
            for side, room in zip(self._shown_size, self._room, strict=True)
        )
        size = visible_width, visible_height
        shown = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, pixbuf.get_has_alpha(), 8, *size)
        if shown is None:
            return None
        offset = -x * self._scale, -y * self._scale
        factor = width / pixbuf.get_width(), height / pixbuf.get_height()
        pixbuf.scale(shown, 0, 0, *size, *offset, *factor, GdkPixbuf.InterpType.BILINEAR)
        return shown

    def _on_size_allocate(self, _place: Gtk.Widget, room: Gdk.Rectangle) -> None:
        if (room.width, room.height) != self._room:
            self._room = room.width, room.height
            self._drawing.ask()
