"""A painting in the image that can be continued at a larger size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from impasto_gimp.arguments.size_choices import larger_sizes
from impasto_gimp.image.layer_reader import SourceLayer, check_paintable, read_layer, the_layer
from impasto_gimp.image.painted_area import PaintedArea, whole
from impasto_gimp.image.paintings.styles import source_of
from impasto_gimp.image.recipe import Recipe
from impasto_gimp.introspection import Gimp
from impasto_gimp.translation import gettext
from impasto_shared.beginning import Beginning
from impasto_shared.errors import InvalidImage
from impasto_shared.painted_size import painted_side_px


@dataclass(frozen=True)
class EarlierPainting:
    """A layer that Neural Style painted, the area that it was painted from, and its recipe."""

    layer: Gimp.Layer
    source: PaintedArea
    recipe: Recipe

    @property
    def layer_px(self) -> int:
        """The longest side of the layer."""
        return self.source.longest_side_px

    @property
    def painted_px(self) -> int:
        """The longest side at which it was painted."""
        if self.recipe.painted_px:
            return self.recipe.painted_px
        settings = self.recipe.settings
        planned_px = painted_side_px(min(settings.size, self.layer_px), settings.quality)
        return min(self.recipe.painted_px or planned_px, planned_px)

    @property
    def larger_sizes(self) -> tuple[int, ...]:
        """The sizes at which it can be finished, the largest first."""
        return larger_sizes(self.layer_px, self.painted_px, self.recipe.settings.quality)

    def read(self) -> tuple[SourceLayer, Beginning]:
        """Returns the area that it was painted from, with its own mask, and its picture."""
        earlier = read_layer(whole(self.layer))
        source = replace(read_layer(self.source), mask=earlier.mask)
        return source, Beginning(earlier.picture, self.painted_px)


def earlier_painting(layer: Gimp.Layer) -> EarlierPainting:
    """Returns `layer` as a painting that can be continued.

    Raises:
        InvalidImage: if Neural Style did not paint it, it was painted at its full size, or its
            source was deleted or has another size.
        InvalidSettings: if its recipe cannot be read.
    """
    source, recipe = source_of(layer)
    check_paintable(the_layer([source]))
    area = PaintedArea(source, *recipe.place) if recipe.place else whole(source)
    size = layer.get_width(), layer.get_height()
    if size != (area.width, area.height) or not area.is_inside:
        raise InvalidImage(
            gettext(
                "The layer “{layer}” no longer fits “{source}”, from which it was painted, because "
                "one of them was resized, and so it cannot be continued. Choose Neural Style: "
                "Again… instead."
            ).format(layer=layer.get_name(), source=source.get_name())
        )
    painting = EarlierPainting(layer, area, recipe)
    if not painting.larger_sizes:
        raise InvalidImage(
            gettext(
                "The layer “{layer}” was painted at {painted} px, and has no more than {size}: "
                "there is no larger size to finish it at."
            ).format(layer=layer.get_name(), painted=painting.painted_px, size=painting.layer_px)
        )
    return painting
