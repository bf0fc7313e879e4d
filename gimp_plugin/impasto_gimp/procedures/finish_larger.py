"""Finish Larger: continues a painted layer at a larger size, with the same composition."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from impasto_gimp.arguments.procedure_arguments import integer_of, set_size_chosen
from impasto_gimp.image.earlier_painting import EarlierPainting, earlier_painting
from impasto_gimp.image.layer_reader import the_layer
from impasto_gimp.image.layer_writer import add_painting
from impasto_gimp.image.painted_area import whole
from impasto_gimp.image.paintings.styles import recipe_of, remembered_styles
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.session import Session
from impasto_gimp.procedures import procedure_run
from impasto_gimp.procedures.delivery import deliver
from impasto_gimp.procedures.progress import progress_for
from impasto_gimp.procedures.result_record import recorded
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidSettings
from impasto_shared.painted_size import painted_side_px
from impasto_shared.settings import SETTINGS, StyleSettings

SIZE = SETTINGS.integer("size")
"""The only argument."""


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    _image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Continues the only layer among `drawables`."""

    def paint() -> bool:
        painting = earlier_painting(the_layer(drawables))
        # Each layer needs a size of its own.
        set_size_chosen(config, is_chosen=run_mode != Gimp.RunMode.INTERACTIVE)
        return procedure_run.paint_as_asked(
            run_mode,
            lambda: _ask(procedure, config, painting),
            lambda: _finish(painting, _larger(painting, integer_of(config, SIZE)), run_mode),
        )

    return procedure_run.run(procedure, paint)


def _ask(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, painting: EarlierPainting
) -> bool:
    # GTK needs a screen, which a script may not have.
    from impasto_gimp.dialogs.larger_dialog import ask_for_size

    return ask_for_size(procedure, config, painting)


def _larger(painting: EarlierPainting, size: int) -> StyleSettings:
    """Returns the painting's settings with another size; raises InvalidSettings if not larger."""
    settings = replace(painting.recipe.settings, size=size)
    painted_px = painted_side_px(min(size, painting.layer_px), settings.quality)
    if painted_px <= painting.painted_px:
        raise InvalidSettings(
            SIZE.name,
            gettext(
                "The layer “{layer}” was painted at {painted} px already. Choose a larger size: "
                "{sizes}."
            ).format(
                layer=painting.layer.get_name(),
                painted=painting.painted_px,
                sizes=", ".join(map(str, painting.larger_sizes)),
            ),
        )
    return settings


def _finish(painting: EarlierPainting, settings: StyleSettings, run_mode: Gimp.RunMode) -> None:
    """Adds the larger painting to the image, which is unchanged until it has arrived."""
    chosen = remembered_styles(painting.recipe, painting.layer.get_image())
    Gegl.init(None)
    styles = [style.read(painting.source) for style in chosen]
    recipe = recipe_of(painting.source, chosen, settings)
    names = " + ".join(style.name for style in chosen)
    name = f"{names}, {settings.size} px"
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    with progress_for(whole(painting.layer), interactive=interactive) as display:
        source, beginning = painting.read()
        session = Session(connect, display)
        with (
            recorded(source, name, recipe, interactive=interactive) as on_accepted,
            session.painted(
                source.picture, styles, settings, beginning, on_accepted=on_accepted
            ) as finished,
        ):
            add = partial(
                add_painting,
                *(source, painting.layer, finished.picture),
                name=name,
                recipe=replace(recipe, painted_px=finished.painted_px),
            )
            deliver(finished, name, run_mode, add, is_left=display.is_left)
