"""Reads style images from files, which are checked before GIMP opens them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from impasto_gimp.image.layer_reader import read_pixels, scale_down
from impasto_gimp.image.painted_area import whole
from impasto_gimp.image.pdb import last_error
from impasto_gimp.introspection import GdkPixbuf, Gimp, Gio, GLib
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, check_size

# PNG files have several layers only if they are animations.
_ANIMATIONS = ("image/gif", "image/webp", "image/png", "image/apng", "image/avif")


def read_style(file: Gio.File, longest_side_px: int | None = None) -> Image:
    """Returns the picture in `file`, in any format that GIMP can open, upright.

    Its layers are merged; of an animation, the first frame is used.

    longest_side_px: a larger picture is scaled down to this size.

    Raises:
        InvalidImage: if the file does not exist, is not an image, or is too large.
    """
    name = gettext("The style image {file}").format(file=file.get_parse_name())
    _check_file(file, name)
    with _loaded(file, name) as image:
        image.policy_rotate(False)
        layer = image.get_layers()[-1] if _is_animation(file) else _merged(image, name)
        if layer.get_filters() and not layer.is_group():
            layer.merge_filters()  # before scaling, which leaves their radii as they are
        check_size(layer.get_width(), layer.get_height(), name, gettext)
        if longest_side_px is not None:
            scale_down(layer, longest_side_px)
        return read_pixels(whole(layer), is_masked=True)


def thumbnail(file: Gio.File, width_px: int, height_px: int) -> GdkPixbuf.Pixbuf | None:
    """Returns the picture in `file`, fitted into a box, if there is one.

    Formats that only GIMP can open, such as XCF, have no thumbnail.
    """
    try:
        _check_file(file, "It")
        path = file.get_path()
        if path is None:  # somewhere that only GIMP reaches
            return None
        return GdkPixbuf.Pixbuf.new_from_file_at_size(path, width_px, height_px)
    except (InvalidImage, GLib.Error):
        return None


def _check_file(file: Gio.File, name: str) -> None:
    if not file.query_exists():
        raise InvalidImage(gettext("{name} does not exist. Choose another file.").format(name=name))
    flags = Gio.FileQueryInfoFlags.NONE
    info = file.query_info("standard::type,standard::size", flags, None)
    if info.get_file_type() == Gio.FileType.DIRECTORY:
        raise InvalidImage(gettext("{name} is a folder. Choose a file in it.").format(name=name))
    if info.get_size() == 0:
        raise InvalidImage(
            gettext("{name} is empty: the file has 0 bytes. Choose another file.").format(name=name)
        )
    if path := file.get_path():
        # A huge image must be refused before GIMP takes memory for its pixels.
        kind, width, height = GdkPixbuf.Pixbuf.get_file_info(path)
        if kind is not None:
            check_size(width, height, name, gettext)


def _is_animation(file: Gio.File) -> bool:
    """Returns whether the layers of the file, if it has several, are frames, the first one last."""
    info = file.query_info("standard::content-type", Gio.FileQueryInfoFlags.NONE, None)
    return info.get_content_type() in _ANIMATIONS


@contextmanager
def _loaded(file: Gio.File, name: str) -> Iterator[Gimp.Image]:
    """Opens the image in `file` without a window, and deletes it at the end."""
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    reason = last_error()  # of this call: the next one replaces it by its own success
    # Otherwise the progress bar of opening stays, with a Cancel button that does nothing.
    Gimp.progress_end()
    if image is None:
        raise InvalidImage(
            gettext("{name} could not be opened: {reason}").format(name=name, reason=reason)
        )
    try:
        yield image
    finally:
        image.delete()


def _merged(image: Gimp.Image, name: str) -> Gimp.Layer:
    layers = image.get_layers()
    if len(layers) == 1:  # merging would add alpha to an opaque layer
        return layers[0]
    if not any(layer.get_visible() for layer in layers):
        raise InvalidImage(
            gettext("{name} shows nothing: all its layers are hidden. Choose another file.").format(
                name=name
            )
        )
    return image.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
