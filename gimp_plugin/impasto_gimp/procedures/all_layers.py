"""Neural Style: All Layers: the frames of an animation, painted so that they hold still."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

from impasto_gimp.arguments.procedure_arguments import STYLES, settings_from
from impasto_gimp.dialogs.dialog_state import DialogState, SeenDraft
from impasto_gimp.dialogs.gimp_progress import ProgressBar
from impasto_gimp.image.layer_reader import check_paintable, check_selection, read_layer, the_layer
from impasto_gimp.image.layer_writer import add_frames
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.image.painted_frames import PaintedFrames, frames_of
from impasto_gimp.image.paintings.first_painting import choose_first_painting
from impasto_gimp.image.paintings.styles import (
    ChosenStyle,
    chosen_area,
    chosen_styles,
    recipe_of,
)
from impasto_gimp.image.profile.pending_choice import PendingChoice
from impasto_gimp.image.selection_region import kept_selection
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.frames import FramePainter
from impasto_gimp.jobs.session import Abandoned
from impasto_gimp.procedures import procedure_run
from impasto_gimp.procedures.delivery import deliver_frames
from impasto_gimp.procedures.progress import Progress
from impasto_gimp.translation import gettext, ngettext
from impasto_shared.errors import ImpastoError
from impasto_shared.style import Style


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    _drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: object,
) -> Gimp.ValueArray:
    """Paints the layers of `image` as the frames of an animation, whichever is selected."""

    def paint() -> bool:
        pending = PendingChoice(procedure)
        state = DialogState()
        is_painted = procedure_run.paint_as_asked(
            run_mode,
            lambda: _ask(procedure, config, image, pending, state),
            lambda: _paint(image, config, run_mode, state.draft),
        )
        if is_painted:
            pending.forget()
        return is_painted

    return procedure_run.run(procedure, paint)


def _frames(image: Gimp.Image, config: Gimp.ProcedureConfig) -> list[Gimp.Layer]:
    """Returns the layers to paint: those of an animation that are neither style nor region.

    Raises:
        InvalidImage: if one of them cannot be painted.
    """
    names = [name for style in STYLES for name in (style.layer, style.region)]
    frames = frames_of(image, [config.get_property(name) for name in names])
    for frame in frames:
        check_paintable(the_layer([frame]))
        check_selection(frame)
    return frames


def _ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    pending: PendingChoice,
    state: DialogState,
) -> bool:
    # GTK needs a screen, which a script may not have.
    from impasto_gimp.dialogs.neural_style_dialog import ask

    first, *further = _frames(image, config)
    if not pending.restore(config, first):
        choose_first_painting(config)
    is_accepted = ask(procedure, config, first, state, further=len(further), is_animation=True)
    pending.store(config, first)
    return is_accepted


def _paint(
    image: Gimp.Image,
    config: Gimp.ProcedureConfig,
    run_mode: Gimp.RunMode,
    draft: SeenDraft | None,
) -> None:
    """Adds the painted frames to the image, which is unchanged until all of them have arrived.

    If the user stops, or the daemon fails, those that are finished are added.
    """
    settings, chosen = settings_from(config), chosen_styles(config)
    layers = _frames(image, config)
    areas = [chosen_area(config, layer) for layer in layers]
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    Gegl.init(None)
    name = " + ".join(style.name for style in chosen)
    styles = _Styles(chosen)
    problem: ImpastoError | None = None
    with (
        kept_selection(chosen, image) as (remembered, region),
        _progress(areas[0], interactive=interactive) as display,
        PaintedFrames(image) as painted,
    ):
        painter = FramePainter(connect, display, len(areas))
        painter.check()
        try:
            for area in areas:
                display.show_area(area)
                source = read_layer(area)
                first = draft.beginning if draft and draft.suits(source) else None
                painting = painter.paint(source.picture, styles.read(area), settings, first)
                if painting is None:
                    break
                recipe = recipe_of(area, remembered, settings)
                painted.add(source, painting.picture, name, recipe)
        except Abandoned:
            raise
        except ImpastoError as error:
            if not painted.frames:
                raise
            problem = error
        count = len(painted.frames)
        add = partial(add_frames, layers[-1], painted.frames, region)
        deliver_frames(painted, run_mode, add)
        if display.is_left and problem is None:
            Gimp.message(_said_of(count))
    if problem is not None:
        raise ImpastoError(f"{problem} {_said_of(count)}") from problem


def _said_of(count: int) -> str:
    text = ngettext(
        "{count} frame is painted, and is a new layer.",
        "{count} frames are painted, and are new layers.",
        count,
    )
    return text.format(count=count)


class _Styles:
    """Reads the styles of frames, again only where their regions may be others."""

    def __init__(self, chosen: list[ChosenStyle]) -> None:
        self._chosen = chosen
        self._styles: list[Style] = []
        self._place: tuple[int, ...] = ()

    def read(self, area: PaintedArea) -> list[Style]:
        """Returns the styles of an area."""
        rectangle = area.image_rectangle()
        place = rectangle.x, rectangle.y, rectangle.width, rectangle.height
        if place != self._place:
            self._styles = [style.read(area) for style in self._chosen]
            self._place = place
        return self._styles


def _progress(area: PaintedArea, *, interactive: bool) -> AbstractContextManager[Progress]:
    if not interactive:
        return ProgressBar(gettext("Neural Style: All Layers"))
    from impasto_gimp.dialogs.progress_window import window_for_frames

    return window_for_frames(area)
