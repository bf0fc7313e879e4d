"""The styles that the procedure's arguments choose, and how a painted layer remembers them.

A style is a painting, from a file or a layer, with its weight and its region.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath

from impasto_gimp.arguments.procedure_arguments import (
    STYLE,
    STYLES,
    StyleArguments,
    apply_settings,
    set_size_chosen,
)
from impasto_gimp.image.layer_reader import read_painting, read_small_painting
from impasto_gimp.image.painted_area import PaintedArea, painted_area
from impasto_gimp.image.paintings.style_file import read_style
from impasto_gimp.image.recipe import PARASITE, Recipe, RememberedItem, RememberedStyle
from impasto_gimp.image.region_mask import Region
from impasto_gimp.introspection import Gimp, Gio
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

# Paintings for small pictures are read at most so much larger, for strokes of the largest scale.
_PAINTING_SCALE = 4


@dataclass(frozen=True)
class ChosenStyle:
    """A painting, from a layer or a file, its weight and its region."""

    painting: Gimp.Layer | Gio.File
    weight: float = 1.0
    region: Region | None = None

    @property
    def name(self) -> str:
        """The name of the painting."""
        if isinstance(self.painting, Gimp.Layer):
            return self.painting.get_name()
        stem = PurePath(self.painting.get_basename() or "").stem
        # GIMP takes no name of a layer that is not UTF-8, as that of a file may be.
        return stem.encode(errors="surrogateescape").decode(errors="replace")

    @property
    def identity(self) -> tuple[object, ...]:
        """A value that is the same for the same painting, weight and region."""
        region = self.region and (self.region.drawable.get_id(), self.region.is_outside)
        if isinstance(self.painting, Gimp.Layer):
            return self.painting.get_id(), self.weight, region
        return self.painting.get_uri(), self.weight, region

    def read(self, area: PaintedArea | None = None) -> Style:
        """Returns the style for painting `area`, without its region if that is None.

        Raises:
            InvalidImage: if painting or region cannot be used.
        """
        if isinstance(self.painting, Gimp.Layer):
            painting = read_painting(self.painting)
        else:
            painting = read_style(self.painting)
        mask = self.region.read(area) if self.region and area else None
        return Style(painting, self.weight, mask)

    def read_small(self, area: PaintedArea, thumbnail: Image) -> Style:
        """Returns the style for painting `thumbnail`, a reduced picture of `area`.

        Raises:
            InvalidImage: if painting or region cannot be used.
        """
        side = _PAINTING_SCALE * max(thumbnail.width, thumbnail.height)
        if isinstance(self.painting, Gimp.Layer):
            painting = read_small_painting(self.painting, side)
        else:
            painting = read_style(self.painting, side)
        size = (thumbnail.width, thumbnail.height)
        mask = self.region.read(area, size) if self.region else None
        return Style(painting, self.weight, mask)

    def remembered(self) -> RememberedStyle:
        """Returns the form in which a painted layer remembers the style."""
        file = layer = None
        if isinstance(self.painting, Gimp.Layer):
            layer = remembered_item(self.painting)
        else:
            file = self.painting.get_uri()
        region = remembered_item(self.region.drawable) if self.region else None
        is_outside = self.region is not None and self.region.is_outside
        return RememberedStyle(file, layer, self.weight, region, is_outside)


def chosen_painting(config: Gimp.ProcedureConfig, arguments: StyleArguments) -> ChosenStyle | None:
    """Returns the painting that `config` chooses for one style, if it does."""
    painting = config.get_property(arguments.layer) or config.get_property(arguments.file)
    return ChosenStyle(painting) if painting else None


def chosen_region(config: Gimp.ProcedureConfig, arguments: StyleArguments) -> Region | None:
    """Returns the region that `config` chooses for one style, if it does."""
    drawable = config.get_property(arguments.region)
    return Region(drawable, config.get_property(arguments.outside)) if drawable else None


def chosen_area(config: Gimp.ProcedureConfig, layer: Gimp.Layer) -> PaintedArea:
    """Returns the area of `layer` that the styles chosen in `config` paint."""
    return painted_area(
        layer,
        [
            config.get_property(arguments.region)
            for arguments in STYLES
            if chosen_painting(config, arguments)
        ],
    )


def first_painting(config: Gimp.ProcedureConfig) -> ChosenStyle:
    """Returns the painting that is chosen for the first style.

    Raises:
        InvalidSettings: if none is chosen.
    """
    chosen = chosen_painting(config, STYLES[0])
    if chosen is None:
        raise _nothing_chosen()
    return chosen


def chosen_styles(config: Gimp.ProcedureConfig) -> list[ChosenStyle]:
    """Returns all styles that are chosen.

    Raises:
        InvalidSettings: if none is chosen.
    """
    chosen = [
        ChosenStyle(
            style.painting,
            config.get_property(arguments.weight),
            chosen_region(config, arguments),
        )
        for arguments in STYLES
        if (style := chosen_painting(config, arguments))
    ]
    if not chosen:
        raise _nothing_chosen()
    return chosen


def _nothing_chosen() -> InvalidSettings:
    return InvalidSettings(
        STYLE,
        gettext("No style image is chosen. Choose the painting to take the style from."),
    )


def recipe_of(area: PaintedArea, styles: list[ChosenStyle], settings: StyleSettings) -> Recipe:
    """Returns what a painting of `area` remembers of how it was painted."""
    remembered = tuple(style.remembered() for style in styles)
    place = None if area.is_whole else (area.x, area.y, area.width, area.height)
    return Recipe(remembered_item(area.layer), remembered, settings, place)


def source_of(painted: Gimp.Layer) -> tuple[Gimp.Layer, Recipe]:
    """Returns the layer from which `painted` was painted, and its recipe.

    Raises:
        InvalidImage: if Neural Style did not paint it, or its source was deleted.
        InvalidSettings: if its recipe cannot be read.
    """
    parasite = painted.get_parasite(PARASITE)
    if parasite is None:
        raise InvalidImage(
            gettext(
                "The layer “{layer}” was not painted by Neural Style. Select one that was, or "
                "choose Neural Style… instead."
            ).format(layer=painted.get_name())
        )
    recipe = Recipe.from_bytes(bytes(parasite.get_data()))
    source = remembered_drawable(recipe.source, painted.get_image())
    if not isinstance(source, Gimp.Layer):
        raise InvalidImage(
            gettext(
                "The layer “{source}”, from which “{layer}” was painted, is no longer in this "
                "image. Select another layer and choose Neural Style…"
            ).format(source=recipe.source.name, layer=painted.get_name())
        )
    return source, recipe


def apply_recipe(config: Gimp.ProcedureConfig, recipe: Recipe, image: Gimp.Image) -> None:
    """Writes the styles and the settings of `recipe` to `config`.

    Raises:
        InvalidImage: if a region is no longer in `image`, or a style layer in no open image.
    """
    apply_settings(config, recipe.settings)
    set_size_chosen(config, is_chosen=True)
    remembered = [*recipe.styles, *[None] * len(STYLES)]
    for arguments, style in zip(STYLES, remembered, strict=False):
        file = Gio.File.new_for_uri(style.file) if style and style.file else None
        config.set_property(arguments.file, file)
        config.set_property(arguments.layer, _style_layer(style, image))
        config.set_property(arguments.weight, style.weight if style else 1.0)
        config.set_property(arguments.region, _region(style, image))
        config.set_property(arguments.outside, bool(style and style.is_outside))


def remembered_styles(recipe: Recipe, image: Gimp.Image) -> list[ChosenStyle]:
    """Returns the styles of `recipe`.

    Raises:
        InvalidImage: as `apply_recipe` does.
    """
    styles = []
    for style in recipe.styles:
        layer = _style_layer(style, image)
        file = Gio.File.new_for_uri(style.file or "")
        painting = layer if isinstance(layer, Gimp.Layer) else file
        drawable = _region(style, image)
        region = Region(drawable, style.is_outside) if drawable else None
        styles.append(ChosenStyle(painting, style.weight, region))
    return styles


def _style_layer(style: RememberedStyle | None, image: Gimp.Image) -> Gimp.Drawable | None:
    if style is None or style.layer is None:
        return None
    if layer := _find_in_open_images(style.layer, image):
        return layer
    raise InvalidImage(
        gettext(
            "The style layer “{layer}” is not in any open image. Open its image, or choose Neural "
            "Style… and another style."
        ).format(layer=style.layer.name)
    )


def _region(style: RememberedStyle | None, image: Gimp.Image) -> Gimp.Drawable | None:
    if style is None or style.region is None:
        return None
    region = remembered_drawable(style.region, image)
    if region is None:
        raise InvalidImage(
            gettext(
                "The region “{region}” is no longer in this image. Choose Neural Style… and "
                "another region."
            ).format(region=style.region.name)
        )
    return region


def without_missing_items(recipe: Recipe, painted: Gimp.Layer) -> Recipe:
    """Returns `recipe` without the style layers and the regions that cannot be used for `painted`.

    They are in no open image any more, or a style layer seems to be `painted` itself: a layer of
    another image may have the same tattoo and name.
    """
    image = painted.get_image()
    styles = []
    for style in recipe.styles:
        layer = style.layer and _find_in_open_images(style.layer, image)
        region = style.region and remembered_drawable(style.region, image)
        styles.append(
            replace(
                style,
                layer=style.layer if layer and layer != painted else None,
                region=style.region if region else None,
            )
        )
    return replace(recipe, styles=tuple(styles))


def _find_in_open_images(item: RememberedItem, first: Gimp.Image) -> Gimp.Drawable | None:
    """Returns the layer that is remembered from `first` or, if it is not there, another image."""
    candidates = (remembered_drawable(item, image) for image in (first, *Gimp.get_images()))
    return next((candidate for candidate in candidates if candidate), None)


def remembered_layer(item: RememberedItem, image: Gimp.Image) -> Gimp.Layer | None:
    """Returns the layer of `image` that is remembered, if it is there."""
    layer = remembered_drawable(item, image)
    return layer if isinstance(layer, Gimp.Layer) else None


def remembered_item(item: Gimp.Item) -> RememberedItem:
    """Returns how a layer or a channel is found again."""
    return RememberedItem(item.get_tattoo(), item.get_name())


def remembered_drawable(item: RememberedItem, image: Gimp.Image) -> Gimp.Drawable | None:
    """Returns the layer, channel or selection of `image` that is remembered, if it is there."""
    candidates: tuple[Gimp.Drawable | None, ...] = (
        image.get_layer_by_tattoo(item.tattoo),
        image.get_channel_by_tattoo(item.tattoo),
        image.get_selection(),
    )
    for candidate in candidates:
        # In a copy of the image the same tattoo may belong to another item.
        if candidate is not None and remembered_item(candidate) == item:
            return candidate
    return None
