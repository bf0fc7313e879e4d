"""Neural Style and Neural Style Again: repaint a layer in the style of paintings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from impasto_gimp.arguments.procedure_arguments import settings_from
from impasto_gimp.dialogs.dialog_state import DialogState, SeenDraft
from impasto_gimp.dialogs.gimp_progress import ProgressBar
from impasto_gimp.image.layer_reader import check_paintable, check_selection, read_layer, the_layer
from impasto_gimp.image.layer_writer import add_painting
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.image.pending_choice import (
    forget_pending_choice,
    restore_pending_choice,
    store_pending_choice,
)
from impasto_gimp.image.selection_region import choose_selection_again, kept_selection
from impasto_gimp.image.styles import (
    apply_recipe,
    chosen_area,
    chosen_styles,
    recipe_of,
    source_of,
)
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.session import ProgressDisplay, Session
from impasto_gimp.procedures import procedure_run
from impasto_gimp.procedures.delivery import deliver
from impasto_gimp.translation import gettext


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    _image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Paints the only layer among `drawables`."""

    def target() -> _Target:
        layer = the_layer(drawables, is_shown=run_mode == Gimp.RunMode.INTERACTIVE)
        return _Target(layer, above=layer)

    return _run(procedure, run_mode, config, target, _ask_with_pending_choice)


def run_again(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    _image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Paints the layer from which the only layer among `drawables` was painted, the same way."""

    def target() -> _Target:
        painted = the_layer(drawables)
        layer, recipe = source_of(painted)
        apply_recipe(config, recipe, painted.get_image())
        choose_selection_again(config, painted.get_image())
        return _Target(the_layer([layer]), above=painted)

    return _run(procedure, run_mode, config, target, _ask)


_Ask: TypeAlias = Callable[[Gimp.Procedure, Gimp.ProcedureConfig, Gimp.Layer, DialogState], bool]


@dataclass(frozen=True)
class _Target:
    """The layer to paint, and the layer above which the painting goes."""

    layer: Gimp.Layer
    above: Gimp.Layer


def _run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    config: Gimp.ProcedureConfig,
    find_target: Callable[[], _Target],
    ask: _Ask,
) -> Gimp.ValueArray:
    """Paints a target; if the procedure is interactive, only if `ask` returns True."""

    def paint() -> bool:
        target = find_target()
        check_paintable(target.layer)
        check_selection(target.layer)
        state = DialogState()
        is_painted = procedure_run.paint_as_asked(
            run_mode,
            lambda: ask(procedure, config, target.layer, state),
            lambda: _stylize(target, config, run_mode, state.draft),
        )
        if run_mode == Gimp.RunMode.INTERACTIVE and is_painted:
            forget_pending_choice(procedure)
        return is_painted

    return procedure_run.run(procedure, paint)


def _ask_with_pending_choice(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    layer: Gimp.Layer,
    state: DialogState,
) -> bool:
    restore_pending_choice(procedure, config, layer)
    is_accepted = _ask(procedure, config, layer, state)
    store_pending_choice(procedure, config, layer)
    return is_accepted


def _ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    layer: Gimp.Layer,
    state: DialogState,
) -> bool:
    # GTK needs a screen, which a script may not have.
    from impasto_gimp.dialogs.neural_style_dialog import ask

    return ask(procedure, config, layer, state)


def progress_for(
    area: PaintedArea, *, interactive: bool
) -> AbstractContextManager[ProgressDisplay]:
    """Returns the place where the user follows the painting of `area`."""
    if not interactive:
        return ProgressBar(gettext("Neural Style"))
    from impasto_gimp.dialogs.progress_window import window_for_area

    return window_for_area(area)


def _stylize(
    target: _Target,
    config: Gimp.ProcedureConfig,
    run_mode: Gimp.RunMode,
    draft: SeenDraft | None,
) -> None:
    """Adds the painting to the image, which is unchanged until the painting has arrived.

    It begins from `draft`, so that it has the composition that the preview promised.
    """
    settings, chosen = settings_from(config), chosen_styles(config)
    area = chosen_area(config, target.layer)
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    Gegl.init(None)
    styles = [style.read(area) for style in chosen]
    name = f"{gettext('Neural Style')} ({' + '.join(style.name for style in chosen)})"
    with (
        kept_selection(chosen, target.layer.get_image()) as (remembered, region),
        progress_for(area, interactive=interactive) as display,
    ):
        recipe = recipe_of(area, remembered, settings)
        source = read_layer(area)
        session = Session(connect, display)
        beginning = draft.beginning if draft and draft.suits(source) else None
        with session.painted(source.picture, styles, settings, beginning) as painting:
            add = partial(
                add_painting,
                *(source, target.above, painting.picture),
                name=name,
                recipe=replace(recipe, painted_px=painting.painted_px),
                region=region,
            )
            deliver(painting, name, run_mode, add)
