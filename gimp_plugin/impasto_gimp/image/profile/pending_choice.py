"""The choice of a dialog from which no painting came: cancelled, stopped, or ended by an error.

The next dialog begins with it. GIMP itself remembers the arguments only of runs that succeed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from impasto_gimp.arguments.procedure_arguments import (
    SIZE_IS_CHOSEN,
    is_size_chosen,
    set_size_chosen,
    settings_from,
)
from impasto_gimp.image.painted_area import whole
from impasto_gimp.image.paintings.styles import (
    apply_recipe,
    chosen_styles,
    recipe_of,
    without_missing_items,
)
from impasto_gimp.image.profile.files import profile_file, store
from impasto_gimp.image.recipe import Recipe
from impasto_gimp.introspection import Gimp
from impasto_shared.errors import InvalidSettings


def restore_pending_choice(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, layer: Gimp.Layer
) -> bool:
    """Writes the stored choice to `config`, for painting `layer`; returns whether there is one.

    Layers and regions that are in no open image any more are left out.
    """
    try:
        stored = _file(procedure).read_bytes()
        recipe = Recipe.from_bytes(stored)
    except (OSError, InvalidSettings):
        return False
    apply_recipe(config, without_missing_items(recipe, layer), layer.get_image())
    set_size_chosen(config, is_chosen=bool(json.loads(stored).get(SIZE_IS_CHOSEN)))
    return True


def store_pending_choice(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, layer: Gimp.Layer
) -> None:
    """Stores the choice in `config` for painting `layer`."""
    try:
        settings = settings_from(config)
    except InvalidSettings:
        return
    try:
        styles = chosen_styles(config)
    except InvalidSettings:
        styles = []
    stored = json.loads(recipe_of(whole(layer), styles, settings).to_bytes())
    stored[SIZE_IS_CHOSEN] = is_size_chosen(config)
    # GIMP's folder may be read-only, and then GIMP remembers nothing either.
    with suppress(OSError):
        store(_file(procedure), json.dumps(stored).encode(), is_synced=False)


def forget_pending_choice(procedure: Gimp.Procedure) -> None:
    """Removes the stored choice: a painting came from it, and GIMP remembers it."""
    with suppress(OSError):
        _file(procedure).unlink(missing_ok=True)


def _file(procedure: Gimp.Procedure) -> Path:
    return profile_file(f"{procedure.get_name()}.pending")
