"""A picture that the daemon keeps, on its way back into the image that it was painted from."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from impasto_gimp.image.image_identity import file_of, id_of
from impasto_gimp.image.layer_reader import SourceLayer, read_look
from impasto_gimp.image.layer_writer import ImageChanged, new_region
from impasto_gimp.image.painted_area import PaintedArea, whole
from impasto_gimp.image.paintings.styles import (
    remembered_drawable,
    remembered_item,
    remembered_layer,
)
from impasto_gimp.image.profile.kept_results import KeptResult
from impasto_gimp.image.recipe import Recipe
from impasto_gimp.introspection import Gimp
from impasto_gimp.translation import gettext
from impasto_shared.configuration.resolution import default_endpoint
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image, PixelFormat


def result_of(
    source: SourceLayer, job: str, name: str, recipe: Recipe, region: Gimp.Channel | None
) -> KeptResult:
    """Returns the record of the picture that `job` paints from `source`.

    region: as in `add_painting`.
    """
    image = source.area.layer.get_image()
    width, height = source.size
    return KeptResult(
        job,
        id_of(image),
        file_of(image),
        name,
        recipe.to_bytes().decode(),
        width,
        height,
        time.time(),
        _as_text(source.look),
        region.get_tattoo() if region else 0,
        default_endpoint(),
    )


def recipe_of_result(result: KeptResult, painted_px: int) -> Recipe:
    """Returns the recipe of a picture that was painted at `painted_px`; 0: that is unknown.

    Raises InvalidSettings if it cannot be read.
    """
    return replace(Recipe.from_bytes(result.recipe.encode()), painted_px=painted_px)


def source_of_result(
    result: KeptResult, image: Gimp.Image, picture: Image, mask: bytes | None
) -> SourceLayer:
    """Returns the area of a layer of `image` from which a picture was painted.

    mask: that of its layer.

    Raises:
        ImageChanged: if the layer is gone.
        InvalidSettings: if the recipe cannot be read.
    """
    recipe = Recipe.from_bytes(result.recipe.encode())
    layer = remembered_layer(recipe.source, image)
    if layer is None:
        raise ImageChanged(
            gettext(
                "The layer “{source}”, from which the picture was painted, is not in this image."
            ).format(source=recipe.source.name)
        )
    area = PaintedArea(layer, *recipe.place) if recipe.place else whole(layer)
    look = _from_text(result.look) or read_look(layer)
    return SourceLayer(area, (result.width, result.height), picture, look, mask)


@contextmanager
def restored_region(
    result: KeptResult, recipe: Recipe, values: bytes | None, image: Gimp.Image
) -> Iterator[tuple[Recipe, Gimp.Channel | None]]:
    """Yields `recipe` and a new channel that it names, if `result` needs one that is not there.

    values: those of the channel, a byte for each pixel of `image`. The channel is not in `image`,
        and is deleted unless it is inserted.
    """
    regions = (style.region for style in recipe.styles)
    item = next((each for each in regions if each and each.tattoo == result.region), None)
    is_fitting = values is not None and len(values) == image.get_width() * image.get_height()
    if item is None or values is None or not is_fitting or remembered_drawable(item, image):
        yield recipe, None
        return
    channel = new_region(image, item.name, values)
    region = remembered_item(channel)
    styles = tuple(
        replace(style, region=region) if style.region == item else style for style in recipe.styles
    )
    try:
        yield replace(recipe, styles=styles), channel
    finally:
        if image.is_valid() and channel not in image.get_channels():
            channel.delete()


def _as_text(picture: Image) -> str:
    pixels = base64.b64encode(bytes(picture.pixels)).decode()
    return f"{picture.width};{picture.height};{picture.format.value};{pixels}"


def _from_text(text: str) -> Image | None:
    """Returns the picture of `_as_text`; None if there is none, or it cannot be read."""
    try:
        width, height, pixel_format, pixels = text.split(";")
        size = int(width), int(height)
        return Image(*size, PixelFormat(pixel_format), base64.b64decode(pixels))
    except (ValueError, ImpastoError):
        return None
