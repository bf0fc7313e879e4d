"""Which styles are chosen, as the procedure's arguments say it, and what a layer remembers of them.

A style is a painting, from a file or from a layer, with its weight and its region.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from impasto_gimp.image.layer_reader import read_painting, read_thumbnail
from impasto_gimp.image.recipe import (
    PARASITE,
    Recipe,
    RememberedItem,
    RememberedStyle,
)
from impasto_gimp.image.region_mask import read_region, reduce_mask
from impasto_gimp.image.style_file import read_style
from impasto_gimp.introspection import Gimp, Gio
from impasto_gimp.procedures.arguments import (
    STYLE,
    STYLES,
    StyleArguments,
    apply_settings,
)
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

# A painting is looked at so much larger than the picture at most, where its strokes are to be so.
_PAINTING_SCALE = 4


@dataclass(frozen=True)
class ChosenStyle:
    """A painting, from `layer` or else from `file`, its weight, and the drawable it goes to."""

    file: Any
    layer: Any
    weight: float = 1.0
    region: Any = None

    @property
    def name(self) -> str:
        """What its painting is called."""
        name: str = (
            PurePath(self.file.get_basename()).stem if self.layer is None else self.layer.get_name()
        )
        return name

    def read(self, layer: Any) -> Style:
        """The style as the daemon takes it to paint `layer`.

        Raises:
            InvalidImage: where painting or region cannot be used.
        """
        painting = read_style(self.file) if self.layer is None else read_painting(self.layer)
        region = None if self.region is None else read_region(self.region, layer)
        return Style(painting, self.weight, region)

    def read_small(self, layer: Any, small: Image) -> Style:
        """The style as the daemon takes it to paint `small`, which shows `layer`.

        Raises:
            InvalidImage: where painting or region cannot be used.
        """
        side = _PAINTING_SCALE * max(small.width, small.height)
        painting = (
            read_style(self.file, side) if self.layer is None else read_thumbnail(self.layer, side)
        )
        region = None
        if self.region is not None:
            mask = read_region(self.region, layer)
            region = reduce_mask(mask, small.width, small.height)
        return Style(painting, self.weight, region)

    def remembered(self) -> RememberedStyle:
        """What a painted layer keeps of it."""
        file = self.file.get_uri() if self.layer is None else None
        return RememberedStyle(file, _remembered(self.layer), self.weight, _remembered(self.region))


def chosen_painting(config: Any, arguments: StyleArguments) -> ChosenStyle | None:
    """The painting that the procedure's configuration chooses for one style; None without one."""
    file, layer = config.get_property(arguments.file), config.get_property(arguments.layer)
    return None if file is None and layer is None else ChosenStyle(file, layer)


def first_painting(config: Any) -> ChosenStyle:
    """The painting that is chosen for the first style.

    Raises:
        InvalidSettings: where none is.
    """
    chosen = chosen_painting(config, STYLES[0])
    if chosen is None:
        raise _nothing_chosen()
    return chosen


def chosen_styles(config: Any) -> list[ChosenStyle]:
    """All styles that are chosen.

    Raises:
        InvalidSettings: where none is.
    """
    chosen = [
        ChosenStyle(
            painting.file,
            painting.layer,
            config.get_property(arguments.weight),
            config.get_property(arguments.region),
        )
        for arguments in STYLES
        if (painting := chosen_painting(config, arguments))
    ]
    if not chosen:
        raise _nothing_chosen()
    return chosen


def _nothing_chosen() -> InvalidSettings:
    return InvalidSettings(
        STYLE, gettext("No style image is chosen: name the painting whose manner to use.")
    )


def recipe_of(layer: Any, styles: list[ChosenStyle], settings: StyleSettings) -> Recipe:
    """What a painting of `layer` is to remember."""
    return Recipe(
        RememberedItem(layer.get_tattoo(), layer.get_name()),
        tuple(style.remembered() for style in styles),
        settings,
    )


def source_of(painted: Any) -> tuple[Any, Recipe]:
    """The layer that `painted` was painted from, and how.

    Raises:
        InvalidImage: where it was not painted by Neural Style, or its source is gone.
        InvalidSettings: where what it remembers cannot be read.
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
    source = _found(recipe.source, painted.get_image())
    if source is None:
        raise InvalidImage(
            gettext(
                "The layer “{source}”, which “{layer}” was painted from, is no longer in this "
                "image. Select another layer and choose Neural Style…"
            ).format(source=recipe.source.name, layer=painted.get_name())
        )
    return source, recipe


def apply_recipe(config: Any, recipe: Recipe, image: Any) -> None:
    """Sets the procedure's configuration to styles and settings of `recipe`.

    Raises:
        InvalidImage: where a region is no longer in `image`, or a style's layer in no open image.
    """
    apply_settings(config, recipe.settings)
    remembered = [*recipe.styles, *[None] * len(STYLES)]
    for arguments, style in zip(STYLES, remembered, strict=False):
        file = Gio.File.new_for_uri(style.file) if style and style.file else None
        config.set_property(arguments.file, file)
        config.set_property(arguments.layer, _style_layer(style, image))
        config.set_property(arguments.weight, style.weight if style else 1.0)
        config.set_property(arguments.region, _region(style, image))


def _style_layer(style: RememberedStyle | None, image: Any) -> Any:
    if style is None or style.layer is None:
        return None
    for place in (image, *Gimp.get_images()):
        if found := _found(style.layer, place):
            return found
    raise InvalidImage(
        gettext(
            "The layer “{layer}”, whose style was used, is in no open image. Open its image, or "
            "choose Neural Style… and another style."
        ).format(layer=style.layer.name)
    )


def _region(style: RememberedStyle | None, image: Any) -> Any:
    if style is None or style.region is None:
        return None
    found = _found(style.region, image)
    if found is None:
        raise InvalidImage(
            gettext(
                "“{region}”, which said where a style goes, is no longer in this image. Choose "
                "Neural Style… and another region."
            ).format(region=style.region.name)
        )
    return found


def _remembered(item: Any) -> RememberedItem | None:
    return None if item is None else RememberedItem(item.get_tattoo(), item.get_name())


def _found(item: RememberedItem, image: Any) -> Any:
    """The layer or channel of `image` that is remembered; None where there is none."""
    for find in (image.get_layer_by_tattoo, image.get_channel_by_tattoo):
        found = find(item.tattoo)
        # In a copy of the image the same tattoo may be another item's.
        if found is not None and found.get_name() == item.name:
            return found
    return None
