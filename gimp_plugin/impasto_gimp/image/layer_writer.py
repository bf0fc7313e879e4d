"""Adds painted pictures to the user's images, each as a new layer in one undo step.

No other module changes an image of the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from impasto_gimp.image.layer_reader import SourceLayer, read_look, stretched
from impasto_gimp.image.painted_area import whole
from impasto_gimp.image.pdb import last_error
from impasto_gimp.image.pixel_formats import MASK_FORMAT, check_base_type, layer_type
from impasto_gimp.image.recipe import PARASITE, Recipe
from impasto_gimp.image.turning import is_turned
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image

_CHANNEL_OPACITY = 50.0
_CHANNEL_FORMAT = "Y u8"
_PRECISIONS = {
    1: Gimp.Precision.U8_NON_LINEAR,
    2: Gimp.Precision.U16_NON_LINEAR,
    4: Gimp.Precision.FLOAT_NON_LINEAR,
}
"""The precision of a new image for the bytes of a channel."""


class ImageChanged(ImpastoError):
    """The layer or its image is no longer what it was when its pixels were read."""


def add_painting(
    source: SourceLayer,
    above: Gimp.Layer,
    picture: Image,
    *,
    name: str,
    recipe: Recipe,
    region: Gimp.Channel | None = None,
) -> Gimp.Layer:
    """Returns `picture` as a new layer directly above layer `above`, which remembers `recipe`.

    The mask of the source and the selection, at the time of reading, become its mask.

    region: a channel that `recipe` names and that is not yet in the image.

    Raises:
        ImageChanged: if the source or its image was deleted, converted, resized, turned or mirrored
            since it was read. No layer is added then.
    """
    _check_unchanged(source)
    painted = source.area.layer
    if not above.is_valid():
        above = painted
    image = painted.get_image()
    layer = new_layer(image, f"{name} – {painted.get_name()}", picture)
    layer.attach_parasite(_parasite(recipe))
    place = source.area.image_rectangle()
    layer.set_offsets(place.x, place.y)
    with _undo_step(image):
        if region is not None:  # before the layer, which is to be the selected item
            _insert_channel(image, region, image.get_selected_layers() or [painted])
        _insert(layer, image, above)
        if source.mask is not None:
            _add_mask(layer, source.mask)
    Gimp.displays_flush()
    return layer


@dataclass(frozen=True)
class PaintedFrame:
    """A painted frame of an animation: its own layer, in any image, and how it was painted.

    source: what it was painted from; the pixels are not needed.
    styles: the names of the paintings.
    """

    source: SourceLayer
    layer: Gimp.Layer
    styles: str
    recipe: Recipe


def add_frames(
    above: Gimp.Layer, frames: Sequence[PaintedFrame], region: Gimp.Channel | None = None
) -> None:
    """Adds copies of `frames`, the lowest first, directly above a layer, and selects them.

    Each is as visible as its source, and has its opacity, its mode and its mask.

    above: the last frame of the animation.
    region: as in `add_painting`.

    Raises:
        ImageChanged: as in `add_painting`, for any of them. No layer is added then.
    """
    for frame in frames:
        _check_unchanged(frame.source)
    if not above.is_valid():
        above = frames[-1].source.area.layer
    image = above.get_image()
    copies: list[Gimp.Layer] = []
    with _undo_step(image):
        if region is not None:
            _insert_channel(image, region, image.get_selected_layers() or [above])
        for frame in frames:
            above = _add_frame(image, frame, above)
            copies.append(above)
        image.set_selected_layers(copies)
    Gimp.displays_flush()


def _add_frame(image: Gimp.Image, frame: PaintedFrame, above: Gimp.Layer) -> Gimp.Layer:
    source = frame.source.area.layer
    layer = Gimp.Layer.new_from_drawable(frame.layer, image)
    layer.set_name(f"{frame.styles} – {source.get_name()}")
    layer.attach_parasite(_parasite(frame.recipe))
    place = frame.source.area.image_rectangle()
    layer.set_offsets(place.x, place.y)
    layer.set_visible(source.get_visible())
    layer.set_opacity(source.get_opacity())
    layer.set_mode(source.get_mode())
    _insert(layer, image, above)
    if frame.source.mask is not None:
        _add_mask(layer, frame.source.mask)
    return layer


def add_texture(
    image: Gimp.Image, selected: Sequence[Gimp.Drawable], picture: Image, name: str
) -> Gimp.Layer:
    """Returns `picture` as a new layer in the top left corner of `image`.

    selected: the selected drawables; the new layer goes above the first layer of them, or on top.

    Raises:
        ImageChanged: if the image was deleted in the meantime.
        InvalidImage: if it was converted to indexed colours.
    """
    if not image.is_valid():
        raise ImageChanged(
            gettext("The image was deleted during painting, so the texture could not be added.")
        )
    check_base_type(image)
    layer = new_layer(image, name, picture)
    layers = [item for item in selected if item.is_valid() and item.is_layer()]
    with _undo_step(image):
        _insert(layer, image, layers[0] if layers else None)
    Gimp.displays_flush()
    return layer


def add_channels(layer: Gimp.Layer, masks: Sequence[tuple[str, Image]]) -> list[Gimp.Channel]:
    """Returns a new channel of the layer's image for each name and mask of `layer`.

    masks: of any size; they are scaled to that of the layer.
    """
    image = layer.get_image()
    selected = image.get_selected_layers()
    channels = [_new_channel(layer, *mask) for mask in masks]
    if not channels:
        return []
    with _undo_step(image):
        _remember_selection(image)
        for channel in reversed(channels):  # the first one comes to lie on top
            _insert_channel(image, channel, selected)
    Gimp.displays_flush()
    return channels


def _remember_selection(image: Gimp.Image) -> None:
    """Has GIMP select what is selected now when the undo step is taken back that begins here.

    GIMP 3.2 selects nothing when it takes back two channels, so that all filters are grey. When it
    takes back a layer, it selects what was selected before.
    """
    layer_type_with_alpha = layer_type(image, has_alpha=True)
    normal = Gimp.LayerMode.NORMAL
    layer = Gimp.Layer.new(image, "", 1, 1, layer_type_with_alpha, 100.0, normal)
    image.insert_layer(layer, None, 0)
    image.remove_layer(layer)


def _insert_channel(
    image: Gimp.Image, channel: Gimp.Channel, selected: Sequence[Gimp.Layer]
) -> None:
    """Puts `channel` on top, with these layers selected.

    GIMP selects the channel instead, and would select no layer if the user took the step back.
    """
    image.insert_channel(channel, None, 0)
    image.set_selected_layers(list(selected))


def _new_channel(layer: Gimp.Layer, name: str, mask: Image) -> Gimp.Channel:
    values = bytes(stretched(mask, layer.get_width(), layer.get_height()).pixels)
    return _hidden_channel(layer.get_image(), name, whole(layer).image_rectangle(), values[::3])


def new_region(image: Gimp.Image, name: str, values: bytes) -> Gimp.Channel:
    """Returns a channel with a byte for each pixel of `image`, not yet inserted into it."""
    area = Gegl.Rectangle.new(0, 0, image.get_width(), image.get_height())
    return _hidden_channel(image, name, area, values)


def _hidden_channel(
    image: Gimp.Image, name: str, area: Gegl.Rectangle, values: bytes
) -> Gimp.Channel:
    size = image.get_width(), image.get_height()
    channel = Gimp.Channel.new(image, name, *size, _CHANNEL_OPACITY, Gegl.Color.new("black"))
    channel.set_visible(False)
    buffer = channel.get_buffer()
    buffer.set(area, _CHANNEL_FORMAT, values)
    buffer.flush()
    return channel


def new_image(picture: Image, name: str) -> Gimp.Image:
    """Returns `picture` as the layer `name` of a new image, which has no window."""
    precision = _PRECISIONS[picture.format.bytes_per_channel]
    image = Gimp.Image.new_with_precision(
        picture.width, picture.height, Gimp.ImageBaseType.RGB, precision
    )
    _insert(new_layer(image, name, picture), image, None)
    return image


def open_as_new_image(picture: Image, name: str, error: ImpastoError) -> None:
    """Opens `picture` in a window of its own, and says that `error` is the reason."""
    Gimp.Display.new(new_image(picture, name))
    Gimp.displays_flush()
    consequence = gettext("The painting was opened as a new image instead.")
    Gimp.message(f"{error} {consequence}")


def _insert(layer: Gimp.Layer, image: Gimp.Image, above: Gimp.Item | None) -> None:
    """Puts `layer` directly above an item of `image`, or on top."""
    group = above.get_parent() if above else None
    parent = group if isinstance(group, Gimp.Layer) else None
    position = image.get_item_position(above) if above else 0
    if not image.insert_layer(layer, parent, position):
        layer.delete()
        raise ImageChanged(
            gettext("GIMP could not add the new layer: {reason}").format(reason=last_error())
        )


def _check_unchanged(source: SourceLayer) -> None:
    layer = source.area.layer
    if not layer.is_valid():
        raise ImageChanged(
            gettext(
                "The layer or its image was deleted during painting, so the result could not be "
                "added."
            )
        )
    check_base_type(layer.get_image())
    size = (layer.get_width(), layer.get_height())
    if size != source.size:
        raise ImageChanged(
            gettext(
                "The layer was resized while it was being painted: it is now {width} × {height} "
                "pixels, and was {old_width} × {old_height} before."
            ).format(
                width=size[0],
                height=size[1],
                old_width=source.size[0],
                old_height=source.size[1],
            )
        )
    if is_turned(source.look, read_look(layer)):
        raise ImageChanged(
            gettext(
                "The layer was turned or mirrored while it was being painted, so that its painting "
                "would not lie on it as it should."
            )
        )


def new_layer(image: Gimp.Image, name: str, picture: Image) -> Gimp.Layer:
    """Returns a layer with the pixels of `picture`, not yet inserted into `image`."""
    layer = Gimp.Layer.new(
        image,
        name,
        picture.width,
        picture.height,
        layer_type(image, has_alpha=picture.format.has_alpha),
        100.0,
        Gimp.LayerMode.NORMAL,
    )
    _write(layer, picture.format.value, bytes(picture.pixels))
    layer.update(0, 0, picture.width, picture.height)
    return layer


def _parasite(recipe: Recipe) -> Gimp.Parasite:
    return Gimp.Parasite.new(PARASITE, Gimp.PARASITE_PERSISTENT, recipe.to_bytes())


def _write(drawable: Gimp.Drawable, pixel_format: str, pixels: bytes) -> None:
    area = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    buffer = drawable.get_buffer()
    buffer.set(area, pixel_format, pixels)
    buffer.flush()


def _add_mask(layer: Gimp.Layer, opacity: bytes) -> None:
    """Gives `layer` a mask with this opacity for each pixel."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    _write(mask, MASK_FORMAT, opacity)
    layer.add_mask(mask)
    # Otherwise GIMP leaves the mask selected: brushes would paint on it, filters would refuse it.
    layer.set_edit_mask(False)


@contextmanager
def _undo_step(image: Gimp.Image) -> Iterator[None]:
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()
