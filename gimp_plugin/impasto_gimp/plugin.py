"""The plug-in as GIMP sees it: its procedures, their menu entries, and what they do when run."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, GLib, GObject  # noqa: E402

from impasto_gimp import canvas  # noqa: E402
from impasto_gimp.arguments import (  # noqa: E402
    declare_settings,
    declare_styles,
    settings_from,
)
from impasto_gimp.progress_bar import ProgressBar  # noqa: E402
from impasto_gimp.session import Abandoned, JobClient, Session  # noqa: E402
from impasto_gimp.styles import apply_recipe, chosen_styles, recipe_of, source_of  # noqa: E402
from impasto_gimp.translation import gettext  # noqa: E402
from impasto_shared.config import default_endpoint  # noqa: E402
from impasto_shared.errors import ImpastoError  # noqa: E402

PROCEDURE = "plug-in-impasto-neural-style"
AGAIN = "plug-in-impasto-neural-style-again"


class ZmqMissing(ImpastoError):
    """GIMP's Python lacks the library that reaches the daemon."""


class ImpastoPlugIn(Gimp.PlugIn):  # type: ignore[misc] # gi has no types
    """Registers the filters Neural Style and Neural Style Again under Filters > Artistic."""

    def do_set_i18n(self, _procedure_name: str) -> bool:
        """Says that the texts come translated: impasto_gimp.translation does it."""
        return False

    def do_query_procedures(self) -> list[str]:
        """Names the procedures."""
        return [PROCEDURE, AGAIN]

    def do_create_procedure(self, name: str) -> Any:
        """Describes one of them."""
        run = _run if name == PROCEDURE else _run_again
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        if name == PROCEDURE:
            procedure.set_menu_label(gettext("_Neural Style…"))
            procedure.set_documentation(
                gettext("Repaint the layer in the manner of a painting"),
                gettext(
                    "Sends the layer and a style image to the Impasto daemon, which repaints the "
                    "one in the manner of the other (neural style transfer, Gatys et al. 2016), "
                    "and adds the painting as a new layer above. Starts the daemon if none is "
                    "running."
                ),
                name,
            )
        else:
            procedure.set_menu_label(gettext("Neural St_yle Again…"))
            procedure.set_documentation(
                gettext("Repaint with the settings that a painted layer was made with"),
                gettext(
                    "Begins with the style image and the settings that the selected layer was "
                    "painted with by Neural Style, and repaints the layer that it was painted "
                    "from. A script cannot change them: it calls Neural Style instead."
                ),
                name,
            )
        # After the label, or GIMP 3.2 ignores it.
        procedure.add_menu_path("<Image>/Filters/Artistic")
        procedure.set_attribution("The Impasto developers", "The Impasto developers", "2026")
        _declare_arguments(procedure)
        return procedure


def _declare_arguments(procedure: Any) -> None:
    flags = GObject.ParamFlags.READWRITE
    declare_styles(procedure, Gimp.FileChooserAction.ANY, flags)
    declare_settings(procedure, Gimp.Choice.new, flags)


def _run(
    procedure: Any, run_mode: Any, _image: Any, drawables: list[Any], config: Any, _data: Any
) -> Any:
    def found() -> _Place:
        layer = canvas.the_layer(drawables)
        return _Place(layer, above=layer)

    return _paint(procedure, run_mode, config, found)


def _run_again(
    procedure: Any, run_mode: Any, _image: Any, drawables: list[Any], config: Any, _data: Any
) -> Any:
    def found() -> _Place:
        painted = canvas.the_layer(drawables)
        layer, recipe = source_of(painted)
        apply_recipe(config, recipe, painted.get_image())
        return _Place(canvas.the_layer([layer]), above=painted)

    return _paint(procedure, run_mode, config, found)


@dataclass(frozen=True)
class _Place:
    """The layer to be painted, and the one that the painting goes above."""

    layer: Any
    above: Any


def _paint(procedure: Any, run_mode: Any, config: Any, find: Callable[[], _Place]) -> Any:
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    try:
        _require_zmq()
        place = find()
        if interactive and not _ask(procedure, config, place.layer):
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
        _stylize(place, config, interactive=interactive)
    except Abandoned:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    except ImpastoError as error:
        return _failure(procedure, str(error))
    except Exception as error:  # noqa: BLE001 - the outermost loop: GIMP shows it, nothing is lost
        traceback.print_exc()
        return _failure(
            procedure,
            gettext(
                "Neural Style met an error of its own, {kind}: {error}. The terminal that GIMP "
                "was started from shows where."
            ).format(kind=type(error).__name__, error=error),
        )
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def _failure(procedure: Any, message: str) -> Any:
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(message))


def _ask(procedure: Any, config: Any, layer: Any) -> bool:
    # GimpUi wants a screen, and a script may have none.
    from impasto_gimp.dialog import ask

    return ask(procedure, config, layer)


def _easel(layer: Any) -> Any:
    from impasto_gimp.easel import Easel

    return Easel(layer)


def _stylize(place: _Place, config: Any, *, interactive: bool) -> None:
    """Adds the painting at its place; the image is untouched until the painting is here."""
    settings = settings_from(config)
    chosen = chosen_styles(config)
    Gegl.init(None)
    styles = [style.read(place.layer) for style in chosen]
    recipe = recipe_of(place.layer, chosen, settings)
    with _easel(place.layer) if interactive else ProgressBar() as easel:
        source = canvas.read_layer(place.layer)
        picture = Session(_connect, easel).run(source.picture, styles, settings)
    name = f"{gettext('Neural Style')} ({' + '.join(style.name for style in chosen)})"
    canvas.add_layer(source, place.above, picture, name, recipe)


def _require_zmq() -> None:
    # Not at the top: GIMP must know the procedure even where this fails, to show why.
    try:
        import zmq  # noqa: F401
    except ImportError as error:
        raise ZmqMissing(
            gettext(
                "GIMP's Python cannot use pyzmq ({error}), which reaches the Impasto daemon. Run "
                "./install.sh plugin in the Impasto folder, or impasto doctor --mend."
            ).format(error=error)
        ) from error


def _connect(*, on_start: Callable[[], None], while_waiting: Callable[[], object]) -> JobClient:
    from impasto_shared.launcher import connect_or_start

    return connect_or_start(
        default_endpoint(), name="GIMP", on_start=on_start, while_waiting=while_waiting
    )
