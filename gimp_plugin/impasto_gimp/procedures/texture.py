"""Texture from Image: a painting's style as a new layer of any size, without a photo."""

from __future__ import annotations

from contextlib import AbstractContextManager

from impasto_gimp.arguments.procedure_arguments import (
    STYLES,
    argument_name,
    integer_of,
    values_from,
)
from impasto_gimp.dialogs.gimp_progress import ProgressBar
from impasto_gimp.image.layer_writer import add_texture
from impasto_gimp.image.paintings.first_painting import choose_first_painting
from impasto_gimp.image.paintings.styles import first_painting
from impasto_gimp.image.pixel_formats import check_base_type, opaque_format
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.session import ProgressDisplay, Session
from impasto_gimp.procedures import procedure_run
from impasto_gimp.procedures.delivery import deliver
from impasto_gimp.translation import gettext
from impasto_shared.texture import HEIGHT, TEXTURE_SETTINGS, WIDTH, canvas_of, texture_settings


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Adds the texture above the first selected layer."""

    def paint() -> bool:
        check_base_type(image)
        if run_mode == Gimp.RunMode.INTERACTIVE:
            config.set_property(argument_name(WIDTH), min(image.get_width(), WIDTH.high))
            config.set_property(argument_name(HEIGHT), min(image.get_height(), HEIGHT.high))
            choose_first_painting(config, STYLES[:1])
        return procedure_run.paint_as_asked(
            run_mode,
            lambda: _ask(procedure, config),
            lambda: _add_texture(image, drawables, config, run_mode),
        )

    return procedure_run.run(procedure, paint)


def _ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig) -> bool:
    # GTK needs a screen, which a script may not have.
    from impasto_gimp.dialogs.neural_style_dialog import ask_for_texture

    return ask_for_texture(procedure, config)


def _progress(
    name: str, width: int, height: int, *, interactive: bool
) -> AbstractContextManager[ProgressDisplay]:
    if not interactive:
        return ProgressBar(gettext("Texture"))
    from impasto_gimp.dialogs.progress_window import ProgressWindow

    return ProgressWindow(name, width, height)


def _add_texture(
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    run_mode: Gimp.RunMode,
) -> None:
    """Adds the texture to the image, which is unchanged until the texture has arrived."""
    width, height = integer_of(config, WIDTH), integer_of(config, HEIGHT)
    settings = texture_settings(values_from(config, TEXTURE_SETTINGS), width, height)
    chosen = first_painting(config)
    Gegl.init(None)
    content = canvas_of(width, height, opaque_format(image), gettext)
    style = chosen.read()
    name = f"{gettext('Texture')} ({chosen.name})"
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    with (
        _progress(name, width, height, interactive=interactive) as display,
        Session(connect, display).painted(content, [style], settings) as painting,
    ):
        deliver(
            painting,
            name,
            run_mode,
            lambda: add_texture(image, drawables, painting.picture, name),
        )
