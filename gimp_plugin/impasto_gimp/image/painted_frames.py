"""The frames of an animation: which layers they are, and where they wait once they are painted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from impasto_gimp.image.layer_reader import SourceLayer, is_empty_group
from impasto_gimp.image.layer_writer import PaintedFrame, new_layer
from impasto_gimp.image.recipe import PARASITE, Recipe
from impasto_gimp.introspection import Gimp
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image


def frames_of(image: Gimp.Image, others: Collection[Gimp.Item | None] = ()) -> list[Gimp.Layer]:
    """Returns the layers of `image` that are frames of an animation, in their order in time.

    The lowest comes first, as GIMP plays them. A group is a frame unless it is empty. Paintings are
    none.

    others: layers that are none either, such as styles and regions.

    Raises:
        InvalidImage: if there are fewer than two.
    """
    layers = reversed(image.get_layers())
    frames = [
        layer
        for layer in layers
        if layer not in others
        and layer.get_parasite(PARASITE) is None
        and not is_empty_group(layer)
    ]
    if len(frames) < 2:
        raise InvalidImage(
            gettext(
                "An animation has a layer for each frame, but this image has no two layers to "
                "paint. Choose Neural Style… instead."
            )
        )
    return frames


class PaintedFrames:
    """The painted frames of `image`, in an image without a window until all of them are painted.

    GIMP keeps more pixels than fit into memory. With its end the image is deleted, unless it is
    `shown`.
    """

    def __init__(self, image: Gimp.Image) -> None:
        self.frames: list[PaintedFrame] = []
        self._is_shown = False
        size = image.get_width(), image.get_height()
        self._hidden = Gimp.Image.new_with_precision(
            *size, image.get_base_type(), image.get_precision()
        )
        self._hidden.undo_disable()
        if profile := image.get_color_profile():
            self._hidden.set_color_profile(profile)

    def __enter__(self) -> PaintedFrames:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_shown:
            self._hidden.delete()

    def add(self, source: SourceLayer, picture: Image, styles: str, recipe: Recipe) -> None:
        """Adds a frame, in the place of its layer; `styles` are the names of the paintings."""
        layer = new_layer(self._hidden, f"{styles} – {source.area.layer.get_name()}", picture)
        place = source.area.image_rectangle()
        layer.set_offsets(place.x, place.y)
        self._hidden.insert_layer(layer, None, 0)
        # The pixels of all photos would not fit into memory.
        small = replace(source, picture=source.look)
        self.frames.append(PaintedFrame(small, layer, styles, recipe))

    def shown(self) -> Gimp.Image:
        """Returns the image, which from now on is the user's."""
        self._is_shown = True
        self._hidden.undo_enable()
        return self._hidden
