"""Neural Style, and Neural Style Again: a layer is repainted in the manner of paintings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from impasto_gimp.dialogs.gimp_progress import ProgressBar
from impasto_gimp.image.layer_reader import read_layer, the_layer
from impasto_gimp.image.layer_writer import add_painting
from impasto_gimp.image.styles import apply_recipe, chosen_styles, recipe_of, source_of
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.session import Session
from impasto_gimp.procedures import procedure_run
from impasto_gimp.procedures.arguments import settings_from
from impasto_gimp.translation import gettext


def run(
    procedure: Any, run_mode: Any, _image: Any, drawables: list[Any], config: Any, _data: Any
) -> Any:
    """Paints the one layer among `drawables`."""

    def found() -> _Place:
        layer = the_layer(drawables)
        return _Place(layer, above=layer)

    return _run(procedure, run_mode, config, found)


def run_again(
    procedure: Any, run_mode: Any, _image: Any, drawables: list[Any], config: Any, _data: Any
) -> Any:
    """Paints what the one layer among `drawables` was painted from, as it was painted."""

    def found() -> _Place:
        painted = the_layer(drawables)
        layer, recipe = source_of(painted)
        apply_recipe(config, recipe, painted.get_image())
        return _Place(the_layer([layer]), above=painted)

    return _run(procedure, run_mode, config, found)


@dataclass(frozen=True)
class _Place:
    """The layer to be painted, and the one that the painting goes above."""

    layer: Any
    above: Any


def _run(procedure: Any, run_mode: Any, config: Any, find: Callable[[], _Place]) -> Any:
    interactive = run_mode == Gimp.RunMode.INTERACTIVE

    def paint() -> bool:
        place = find()
        if interactive and not _ask(procedure, config, place.layer):
            return False
        _stylize(place, config, interactive=interactive)
        return True

    return procedure_run.run(procedure, paint)


def _ask(procedure: Any, config: Any, layer: Any) -> bool:
    # GimpUi wants a screen, and a script may have none.
    from impasto_gimp.dialogs.neural_style_dialog import ask

    return ask(procedure, config, layer)


def _progress_window(layer: Any) -> Any:
    from impasto_gimp.dialogs.progress_window import window_for_layer

    return window_for_layer(layer)


def _stylize(place: _Place, config: Any, *, interactive: bool) -> None:
    """Adds the painting at its place; the image is untouched until the painting is here."""
    settings = settings_from(config)
    chosen = chosen_styles(config)
    Gegl.init(None)
    styles = [style.read(place.layer) for style in chosen]
    recipe = recipe_of(place.layer, chosen, settings)
    name = f"{gettext('Neural Style')} ({' + '.join(style.name for style in chosen)})"
    with (
        _progress_window(place.layer)
        if interactive
        else ProgressBar(gettext("Neural Style")) as display
    ):
        source = read_layer(place.layer)
        picture = Session(connect, display).run(source.picture, styles, settings)
    add_painting(source, place.above, picture, name=name, recipe=recipe)
