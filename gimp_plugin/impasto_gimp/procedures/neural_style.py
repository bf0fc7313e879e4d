"""Neural Style and Neural Style: Again: repaint a layer in the style of paintings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from impasto_gimp.arguments.procedure_arguments import settings_from
from impasto_gimp.dialogs.dialog_state import DialogState, SeenDraft
from impasto_gimp.image.layer_reader import (
    check_paintable,
    check_selection,
    read_layer,
    the_layer,
    the_layers,
)
from impasto_gimp.image.layer_writer import add_painting
from impasto_gimp.image.paintings.first_painting import choose_first_painting
from impasto_gimp.image.paintings.styles import (
    apply_recipe,
    chosen_area,
    chosen_styles,
    recipe_of,
    source_of,
)
from impasto_gimp.image.profile.pending_choice import (
    PendingChoice,
)
from impasto_gimp.image.selection_region import choose_selection_again, kept_selection
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.session import Abandoned, AdjustmentWanted, Session
from impasto_gimp.procedures import procedure_run
from impasto_gimp.procedures.delivery import deliver
from impasto_gimp.procedures.progress import progress_for
from impasto_gimp.procedures.result_record import recorded
from impasto_gimp.translation import gettext


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    _image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Paints the layers among `drawables`, one after the other."""

    def targets() -> list[_Target]:
        is_shown = run_mode == Gimp.RunMode.INTERACTIVE
        layers = the_layers(drawables, is_shown=is_shown)
        return [_Target(layer, above=layer) for layer in layers]

    pending = PendingChoice(procedure)

    def ask(
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        layers: Sequence[Gimp.Layer],
        state: DialogState,
    ) -> bool:
        if not pending.restore(config, layers[0]):
            choose_first_painting(config)
        is_accepted = _ask(procedure, config, layers, state)
        pending.store(config, layers[0])
        return is_accepted

    return _run(procedure, run_mode, config, targets, ask, pending.forget)


def run_again(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    _image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Paints the layer from which the only layer among `drawables` was painted, the same way."""

    def targets() -> list[_Target]:
        painted = the_layer(drawables)
        layer, recipe = source_of(painted)
        apply_recipe(config, recipe, painted.get_image())
        choose_selection_again(config, painted.get_image())
        return [_Target(the_layer([layer]), above=painted)]

    return _run(procedure, run_mode, config, targets, _ask)


_Ask: TypeAlias = Callable[
    [Gimp.Procedure, Gimp.ProcedureConfig, Sequence[Gimp.Layer], DialogState], bool
]


@dataclass(frozen=True)
class _Target:
    """The layer to paint, and the layer above which the painting goes."""

    layer: Gimp.Layer
    above: Gimp.Layer


def _run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    config: Gimp.ProcedureConfig,
    find_targets: Callable[[], list[_Target]],
    ask: _Ask,
    when_painted: Callable[[], object] = lambda: None,
) -> Gimp.ValueArray:
    """Paints the targets; if the procedure is interactive, only if `ask` returns True."""

    def paint() -> bool:
        targets = find_targets()
        for target in targets:
            check_paintable(target.layer)
            check_selection(target.layer)
        state = DialogState()
        paintings = _Paintings(targets, config, run_mode, state)
        is_painted = procedure_run.paint_as_asked(
            run_mode,
            lambda: ask(procedure, config, [target.layer for target in paintings.remaining], state),
            paintings.paint,
        )
        if is_painted:
            when_painted()
        return is_painted or paintings.is_begun

    return procedure_run.run(procedure, paint)


class _Paintings:
    """The paintings of several layers with the same choice, each an undo step of its own."""

    def __init__(
        self,
        targets: Sequence[_Target],
        config: Gimp.ProcedureConfig,
        run_mode: Gimp.RunMode,
        state: DialogState,
    ) -> None:
        self._count = len(targets)
        self.remaining = list(targets)
        """The targets that are not yet painted."""
        self._config, self._run_mode, self._state = config, run_mode, state
        self._is_left = False

    @property
    def is_begun(self) -> bool:
        """True if at least one is painted."""
        return len(self.remaining) < self._count

    def paint(self) -> None:
        """Paints what remains, until the user cancels: then what is painted stays."""
        try:
            while self.remaining:
                self._is_left = _stylize(
                    self.remaining[0],
                    self._config,
                    self._run_mode,
                    self._state.draft,
                    is_left=self._is_left,
                    of_several=self._of_several,
                )
                del self.remaining[0]
        except AdjustmentWanted:
            raise
        except Abandoned:
            if not self.is_begun:
                raise

    @property
    def _of_several(self) -> str:
        if self._count == 1:
            return ""
        number = self._count - len(self.remaining) + 1
        return " " + gettext("({number} of {count})").format(number=number, count=self._count)


def _ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    layers: Sequence[Gimp.Layer],
    state: DialogState,
) -> bool:
    # GTK needs a screen, which a script may not have.
    from impasto_gimp.dialogs.neural_style_dialog import ask

    return ask(procedure, config, layers[0], state, further=len(layers) - 1)


def _stylize(
    target: _Target,
    config: Gimp.ProcedureConfig,
    run_mode: Gimp.RunMode,
    draft: SeenDraft | None,
    *,
    is_left: bool,
    of_several: str,
) -> bool:
    """Adds the painting to the image, which is unchanged until the painting has arrived.

    It begins from `draft`, so that it has the composition that the preview promised.
    Returns whether the user has left this painting, or one before it, to the background.
    """
    settings, chosen = settings_from(config), chosen_styles(config)
    area = chosen_area(config, target.layer)
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    Gegl.init(None)
    styles = [style.read(area) for style in chosen]
    name = " + ".join(style.name for style in chosen)
    with (
        kept_selection(chosen, target.layer.get_image()) as (remembered, region),
        progress_for(
            area, interactive=interactive, is_left=is_left, of_several=of_several
        ) as display,
    ):
        recipe = recipe_of(area, remembered, settings)
        source = read_layer(area)
        session = Session(connect, display)
        beginning = draft.beginning if draft and draft.suits(source) else None
        with (
            recorded(source, name, recipe, region, interactive=interactive) as on_accepted,
            session.painted(
                source.picture, styles, settings, beginning, on_accepted=on_accepted
            ) as painting,
        ):
            add = partial(
                add_painting,
                *(source, target.above, painting.picture),
                name=name,
                recipe=replace(recipe, painted_px=painting.painted_px),
                region=region,
            )
            deliver(painting, name, run_mode, add, is_left=display.is_left)
        return display.is_left
