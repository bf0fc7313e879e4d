"""The painting with which the very first dialog begins, so that there is a preview at once."""

from __future__ import annotations

from collections.abc import Sequence

from impasto_gimp.arguments.procedure_arguments import STYLES, StyleArguments
from impasto_gimp.image.paintings.favourites import FILE_NAME, Favourites
from impasto_gimp.image.paintings.known_paintings import FOLDER, SHIPPED
from impasto_gimp.image.paintings.styles import chosen_painting
from impasto_gimp.image.profile.files import profile_file, store
from impasto_gimp.introspection import Gimp, Gio


def choose_first_painting(
    config: Gimp.ProcedureConfig, styles: Sequence[StyleArguments] = STYLES
) -> None:
    """Chooses the first favourite or else a painting that suits most photos, if none is chosen.

    styles: those that the procedure has.
    """
    if any(chosen_painting(config, arguments) for arguments in styles):
        return
    path = Favourites(profile_file(FILE_NAME), store).first or FOLDER / next(iter(SHIPPED))
    if path.is_file():
        config.set_property(STYLES[0].file, Gio.File.new_for_path(str(path)))
