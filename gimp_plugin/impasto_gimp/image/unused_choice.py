"""The choice of a dialog from which no painting came: cancelled, stopped, or ended by an error.

The next dialog begins with it. GIMP itself remembers the arguments only of runs that succeed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from impasto_gimp.arguments.procedure_arguments import settings_from
from impasto_gimp.image.recipe import Recipe
from impasto_gimp.image.styles import apply_recipe, chosen_styles, recipe_of
from impasto_gimp.introspection import Gimp
from impasto_shared.atomic_write import write_atomically
from impasto_shared.errors import InvalidImage, InvalidSettings


def restore_unused_choice(config: Gimp.ProcedureConfig, image: Gimp.Image) -> None:
    """Writes the stored choice, if there is one, to `config`.

    Layers and regions that are in no open image any more are left out.
    """
    try:
        recipe = Recipe.from_bytes(_file().read_bytes())
    except (OSError, InvalidSettings):
        return
    try:
        apply_recipe(config, recipe, image)
    except InvalidImage:
        files = tuple(replace(style, layer=None, region=None) for style in recipe.styles)
        apply_recipe(config, replace(recipe, styles=files), image)


def store_unused_choice(config: Gimp.ProcedureConfig, layer: Gimp.Layer) -> None:
    """Stores the choice in `config` for painting `layer`."""
    try:
        settings = settings_from(config)
    except InvalidSettings:
        return
    try:
        styles = chosen_styles(config)
    except InvalidSettings:
        styles = []
    # GIMP's folder may be read-only, and then GIMP remembers nothing either.
    with suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(), recipe_of(layer, styles, settings).to_bytes())


def forget_unused_choice() -> None:
    """Removes the stored choice: a painting came from it, and GIMP remembers it."""
    with suppress(OSError):
        _file().unlink(missing_ok=True)


def _file() -> Path:
    return Path(Gimp.directory()) / "plug-in-settings/impasto-neural-style.unused"
