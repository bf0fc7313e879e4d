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


class PendingChoice:
    """The stored choice of one procedure, which each of its dialogs replaces."""

    def __init__(self, procedure: Gimp.Procedure) -> None:
        self._file: Path = profile_file(f"{procedure.get_name()}.pending")
        self._stored: bytes | None = None

    def restore(self, config: Gimp.ProcedureConfig, layer: Gimp.Layer) -> bool:
        """Writes the stored choice to `config`, for painting `layer`; returns whether there is one.

        Layers and regions that are in no open image any more are left out.
        """
        try:
            stored = self._file.read_bytes()
            recipe = Recipe.from_bytes(stored)
        except (OSError, InvalidSettings):
            return False
        apply_recipe(config, without_missing_items(recipe, layer), layer.get_image())
        set_size_chosen(config, is_chosen=bool(json.loads(stored).get(SIZE_IS_CHOSEN)))
        return True

    def store(self, config: Gimp.ProcedureConfig, layer: Gimp.Layer) -> None:
        """Stores the choice in `config` for painting `layer`."""
        try:
            settings = settings_from(config)
        except InvalidSettings:
            return
        try:
            styles = chosen_styles(config)
        except InvalidSettings:
            styles = []
        choice = json.loads(recipe_of(whole(layer), styles, settings).to_bytes())
        choice[SIZE_IS_CHOSEN] = is_size_chosen(config)
        # GIMP's folder may be read-only, and then GIMP remembers nothing either.
        with suppress(OSError):
            stored = json.dumps(choice).encode()
            store(self._file, stored, is_synced=False)
            self._stored = stored

    def forget(self) -> None:
        """Removes the choice that was stored here: a painting came from it, GIMP remembers it.

        That of another dialog, which was opened while the painting was made, stays.
        """
        with suppress(OSError):
            if self._file.read_bytes() == self._stored:
                self._file.unlink()
