"""Pictures as GTK shows them."""

from __future__ import annotations

from impasto_gimp.image.layer_reader import picture_of, read_scaled_down, read_thumbnail
from impasto_gimp.image.layer_writer import new_image
from impasto_gimp.image.painted_area import whole
from impasto_gimp.introspection import GdkPixbuf, Gimp, Gio, GLib
from impasto_gimp.introspection_gtk import Gtk
from impasto_shared.image import Image, PixelFormat, fitted_size


def pixbuf_of(picture: Image) -> GdkPixbuf.Pixbuf:
    """Returns a picture that has 8 bits a channel as a pixbuf."""
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(bytes(picture.pixels)),
        GdkPixbuf.Colorspace.RGB,
        picture.format.has_alpha,
        8,
        picture.width,
        picture.height,
        picture.width * picture.format.bytes_per_pixel,
    )


def reduced(picture: Image, longest_side_px: int) -> Image:
    """Returns a picture that has 8 bits a channel, scaled down if its longest side is larger."""
    size = fitted_size(picture.width, picture.height, longest_side_px)
    smaller = None if size == (picture.width, picture.height) else scaled(pixbuf_of(picture), size)
    return picture if smaller is None else picture_of(smaller)


def small_pixbuf(picture: Image, longest_side_px: int) -> GdkPixbuf.Pixbuf | None:
    """Returns a picture of any bit depth, at most so large; None if memory is short."""
    size = fitted_size(picture.width, picture.height, longest_side_px)
    if picture.format.bytes_per_channel > 1:
        image = new_image(picture, "")
        try:
            return pixbuf_of(read_scaled_down(whole(image.get_layers()[0]), longest_side_px))
        finally:
            image.delete()
    return pixbuf_of(picture).scale_simple(*size, GdkPixbuf.InterpType.HYPER)


def scaled(pixbuf: GdkPixbuf.Pixbuf, size: tuple[int, int]) -> GdkPixbuf.Pixbuf | None:
    """Returns `pixbuf` resampled to a width and a height; None if memory is short."""
    return pixbuf.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)


def show_sharply(image: Gtk.Image, pixbuf: GdkPixbuf.Pixbuf, scale: int) -> None:
    """Shows `pixbuf`, which has `scale` pixels of the screen each way for one of GTK's."""
    if scale == 1:
        image.set_from_pixbuf(pixbuf)
        return
    image.set_from_gicon(icon_of(pixbuf), Gtk.IconSize.DIALOG)
    image.set_pixel_size(max(pixbuf.get_width(), pixbuf.get_height()) // scale)


def icon_of(pixbuf: GdkPixbuf.Pixbuf) -> Gio.Icon:
    """Returns a picture as an icon.

    Only an icon may have more pixels than GTK without pycairo, which GIMP's Python may lack.
    """
    _, png = pixbuf.save_to_bufferv("png", ["compression"], ["0"])
    return Gio.BytesIcon.new(GLib.Bytes.new(png))


def icon_size(name: str, side_px: int) -> int:
    """Returns the number of a size of icons: squares of GTK's pixels, sharp on every screen."""
    known = int(Gtk.icon_size_from_name(name))
    return known or int(Gtk.icon_size_register(name, side_px, side_px))


def faded(picture: Image, mask: bytes | None, least: float = 0.0) -> Image:
    """Returns a picture that has 8 bits a channel with `mask` as its opacity.

    mask: a byte for each pixel; None: the picture stays as it is.
    least: the opacity where the mask is black, in [0, 1].
    """
    if mask is None:
        return picture
    opacity = bytes(round(255 * least + (1 - least) * value) for value in range(256))
    values, channels = mask.translate(opacity), picture.format.channels
    source, pixels = bytes(picture.pixels), bytearray(4 * len(mask))
    for channel in range(3):
        pixels[channel::4] = source[channel::channels]
    if picture.format.has_alpha:
        pairs = zip(source[3::4], values, strict=True)
        values = bytes(alpha * value // 255 for alpha, value in pairs)
    pixels[3::4] = values
    return Image(picture.width, picture.height, PixelFormat.RGBA_U8, bytes(pixels))


def laid_over(picture: Image, below: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf:
    """Returns `below` with a picture on it that has 8 bits a channel, at the size of `below`."""
    result = below.copy()
    if result is None:  # memory is short
        return pixbuf_of(picture)
    width, height = below.get_width(), below.get_height()
    scale = width / picture.width, height / picture.height
    bilinear = GdkPixbuf.InterpType.BILINEAR
    pixbuf_of(picture).composite(result, 0, 0, width, height, 0.0, 0.0, *scale, bilinear, 255)
    return result


def on_canvas(pixbuf: GdkPixbuf.Pixbuf, width: int, height: int) -> GdkPixbuf.Pixbuf:
    """Returns `pixbuf`, scaled down if need be, in the middle of a transparent picture."""
    factor = min(1.0, width / pixbuf.get_width(), height / pixbuf.get_height())
    size = (max(1, round(pixbuf.get_width() * factor)), max(1, round(pixbuf.get_height() * factor)))
    fitted = pixbuf if factor == 1.0 else scaled(pixbuf, size) or pixbuf
    canvas = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, True, 8, width, height)
    with_alpha = fitted.add_alpha(False, 0, 0, 0)
    if canvas is None or with_alpha is None:  # memory is short
        return fitted
    canvas.fill(0)
    place = ((width - size[0]) // 2, (height - size[1]) // 2)
    with_alpha.copy_area(0, 0, *size, canvas, *place)
    return canvas


def thumbnail_of(layer: Gimp.Layer, width: int, height: int) -> GdkPixbuf.Pixbuf:
    """Returns `layer` as it is seen, in its proportions, at most as large as width × height."""
    scale = min(width / layer.get_width(), height / layer.get_height())
    longest_side_px = round(max(layer.get_width(), layer.get_height()) * scale)
    return pixbuf_of(read_thumbnail(layer, max(1, longest_side_px)))


def filling_size(width: int, height: int, longest_side_px: int) -> tuple[int, int]:
    """Returns the size of the same proportions whose longest side is `longest_side_px`."""
    scale = longest_side_px / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
