"""A photo whose regions are coloured, or filled with the paintings that were chosen for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from impasto_gimp.dialogs.pictures.pixbufs import (
    filling_size,
    pixbuf_of,
    scaled,
    show_sharply,
    thumbnail_of,
)
from impasto_gimp.image.layer_reader import picture_of
from impasto_gimp.image.paintings.style_file import thumbnail
from impasto_gimp.introspection import GdkPixbuf, Gimp, Gio
from impasto_gimp.introspection_gtk import Gdk, Gtk
from impasto_gimp.translation import gettext
from impasto_shared.image import Image, PixelFormat

COLOURS = ("#e63c3c", "#3ca0e6", "#5ac85a", "#f0c83c", "#aa5ad2", "#fa8c32")
"""The colour of each region, the largest first."""

_SHOWN_PX = 400
_SWATCH_PX = 14
# The opacity of a region's colour, of the selected region's, and of a painting in it.
_FAINT, _STRONG, _PAINTED = 0.35, 0.65, 0.85


class RegionPicture:
    """`photo` with its regions; `widget` shows it. A click on one calls `on_click` with its number.

    scale: the pixels of the screen each way for one of GTK's.
    """

    def __init__(self, photo: Image, scale: int, on_click: Callable[[int], object]) -> None:
        self._size, self._scale = filling_size(photo.width, photo.height, _SHOWN_PX), scale
        self._on_click = on_click
        self._screen_size = self._size[0] * scale, self._size[1] * scale
        self._photo = scaled(pixbuf_of(photo), self._screen_size)
        self._masks: list[bytes] = []
        self._fills: list[Image | None] = []
        self._selected = 0
        self._image = Gtk.Image()
        self._image.get_accessible().set_name(gettext("The photo in regions"))
        # An icon takes a square, of which the picture is a part: the layout cuts off the rest.
        frame = Gtk.Layout()
        frame.put(self._image, 0, 0)
        frame.set_size_request(*self._size)
        self.widget = Gtk.EventBox(above_child=True, halign=Gtk.Align.CENTER)
        self.widget.add_events(Gdk.EventMask.BUTTON_PRESS_MASK)
        self.widget.connect("button-press-event", self._on_press)
        self.widget.add(frame)
        self._draw()

    def show_masks(self, masks: Sequence[Image]) -> None:
        """Shows other regions, without paintings."""
        self._masks = [self._values(mask) for mask in masks]
        self._fills = [None] * len(masks)
        self._draw()

    def select(self, number: int) -> None:
        """Shows that a region is selected."""
        self._selected = number
        self._draw()

    def fill(self, number: int, painting: Gimp.Layer | Gio.File | None) -> None:
        """Fills a region with a painting, or with its colour."""
        self._fills[number] = None if painting is None else self._covering(painting)
        self._draw()

    def _values(self, mask: Image) -> bytes:
        """Returns a mask with a byte for each pixel of the screen."""
        small = scaled(pixbuf_of(mask), self._screen_size)
        width, height = self._screen_size
        return bytes(width * height) if small is None else bytes(picture_of(small).pixels)[::3]

    def _covering(self, painting: Gimp.Layer | Gio.File) -> Image | None:
        """Returns a painting with the size of the picture; None if only GIMP can open it."""
        width, height = self._screen_size
        if isinstance(painting, Gimp.Layer):
            pixbuf: GdkPixbuf.Pixbuf | None = thumbnail_of(painting, width, height)
        else:
            pixbuf = thumbnail(painting, width, height)
        stretched = pixbuf and scaled(pixbuf, self._screen_size)
        return None if stretched is None else picture_of(stretched)

    def _on_press(self, _widget: Gtk.Widget, event: Gdk.EventButton) -> bool:
        x, y = int(event.x * self._scale), int(event.y * self._scale)
        width, height = self._screen_size
        if self._masks and 0 <= x < width and 0 <= y < height:
            values = [mask[y * width + x] for mask in self._masks]
            self._on_click(values.index(max(values)))
        return True

    def _draw(self) -> None:
        shown = self._photo and self._photo.copy()
        if shown is None:  # memory is short
            return
        for number, mask in enumerate(self._masks):
            cover = self._cover(number, mask)
            area = (0, 0, *self._screen_size)
            pixbuf_of(cover).composite(
                shown, *area, 0.0, 0.0, 1.0, 1.0, GdkPixbuf.InterpType.NEAREST, 255
            )
        show_sharply(self._image, shown, self._scale)

    def _cover(self, number: int, mask: bytes) -> Image:
        """Returns what lies on the photo in a region: its colour or its painting."""
        pixels = bytearray(4 * len(mask))
        fill = self._fills[number]
        colour = bytes.fromhex(COLOURS[number][1:])
        for channel in range(3):
            if fill is None:
                pixels[channel::4] = colour[channel : channel + 1] * len(mask)
            else:
                pixels[channel::4] = bytes(fill.pixels)[channel :: fill.format.channels]
        tint = _STRONG if number == self._selected else _FAINT
        opacity = tint if fill is None else _PAINTED
        pixels[3::4] = mask.translate(bytes(round(opacity * value) for value in range(256)))
        return Image(*self._screen_size, PixelFormat.RGBA_U8, bytes(pixels))


def swatch(colour: str) -> GdkPixbuf.Pixbuf | None:
    """Returns a small square of a colour."""
    square = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, _SWATCH_PX, _SWATCH_PX)
    if square is not None:
        square.fill(int(colour[1:] + "ff", 16))
    return square
