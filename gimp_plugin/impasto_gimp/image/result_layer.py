"""A picture that the daemon keeps, on its way back into the image that it was painted from."""

from __future__ import annotations

import time
from dataclasses import replace

from impasto_gimp.image.image_identity import file_of, id_of
from impasto_gimp.image.layer_reader import SourceLayer, read_look
from impasto_gimp.image.layer_writer import ImageChanged
from impasto_gimp.image.painted_area import PaintedArea, whole
from impasto_gimp.image.paintings.styles import remembered_layer
from impasto_gimp.image.profile.kept_results import KeptResult
from impasto_gimp.image.recipe import Recipe
from impasto_gimp.introspection import Gimp
from impasto_gimp.translation import gettext
from impasto_shared.image import Image


def result_of(source: SourceLayer, job: str, name: str, recipe: Recipe) -> KeptResult:
    """Returns the record of the picture that `job` paints from `source`."""
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
    return SourceLayer(area, (result.width, result.height), picture, read_look(layer), mask)
