"""The plug-in as GIMP sees it: one procedure, its menu entry, and what it does when run."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, GLib, GObject  # noqa: E402

from impasto_gimp import canvas  # noqa: E402
from impasto_gimp.arguments import (  # noqa: E402
    LABELS,
    STYLE,
    STYLE_HELP,
    STYLE_LABEL,
    declare_settings,
    settings_from,
)
from impasto_gimp.progress_bar import ProgressBar  # noqa: E402
from impasto_gimp.session import Abandoned, JobClient, Session  # noqa: E402
from impasto_gimp.style_file import read_style  # noqa: E402
from impasto_shared.errors import ImpastoError, InvalidSettings  # noqa: E402
from impasto_shared.paths import default_endpoint  # noqa: E402

PROCEDURE = "plug-in-impasto-neural-style"


class ZmqMissing(ImpastoError):
    """GIMP's Python lacks the library that reaches the daemon."""


class ImpastoPlugIn(Gimp.PlugIn):  # type: ignore[misc] # gi has no types
    """Registers the filter Neural Style under Filters > Artistic."""

    def do_set_i18n(self, _procedure_name: str) -> bool:
        """Says that there are no translations."""
        return False

    def do_query_procedures(self) -> list[str]:
        """Names the one procedure."""
        return [PROCEDURE]

    def do_create_procedure(self, name: str) -> Any:
        """Describes it."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, _run, None)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label("_Neural Style…")
        procedure.add_menu_path("<Image>/Filters/Artistic")
        procedure.set_documentation(
            "Repaint the layer in the manner of a painting",
            "Sends the layer and a style image to the Impasto daemon, which repaints the one in "
            "the manner of the other (neural style transfer, Gatys et al. 2016), and adds the "
            "painting as a new layer above. Starts the daemon if none is running.",
            name,
        )
        procedure.set_attribution("The Impasto developers", "The Impasto developers", "2026")
        _declare_arguments(procedure)
        return procedure


def _declare_arguments(procedure: Any) -> None:
    flags = GObject.ParamFlags.READWRITE
    procedure.add_file_argument(
        STYLE,
        LABELS[STYLE_LABEL],
        STYLE_HELP,
        Gimp.FileChooserAction.ANY,
        True,
        None,
        flags,
    )
    declare_settings(procedure, Gimp.Choice.new, flags)


def _run(
    procedure: Any, run_mode: Any, _image: Any, drawables: list[Any], config: Any, _data: Any
) -> Any:
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    try:
        _require_zmq()
        layer = canvas.the_layer(drawables)
        if interactive and not _ask(procedure, config):
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
        _stylize(layer, config, interactive=interactive)
    except Abandoned:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    except ImpastoError as error:
        return _failure(procedure, str(error))
    except Exception as error:  # noqa: BLE001 - the outermost loop: GIMP shows it, nothing is lost
        traceback.print_exc()
        return _failure(
            procedure,
            f"Neural Style met an error of its own, {type(error).__name__}: {error}. "
            "The terminal that GIMP was started from shows where.",
        )
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def _failure(procedure: Any, message: str) -> Any:
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(message))


def _ask(procedure: Any, config: Any) -> bool:
    # GimpUi wants a screen, and a script may have none.
    from impasto_gimp.dialog import ask

    return ask(procedure, config)


def _easel(layer: Any) -> Any:
    from impasto_gimp.easel import Easel

    return Easel(layer)


def _stylize(layer: Any, config: Any, *, interactive: bool) -> None:
    """Adds the painting above `layer`; the image is untouched until the painting is here."""
    settings = settings_from(config)
    style_file = config.get_property(STYLE)
    if style_file is None:
        raise InvalidSettings(
            STYLE, "No style image is chosen: name the painting whose manner to use."
        )
    Gegl.init(None)
    style = read_style(style_file)
    with _easel(layer) if interactive else ProgressBar() as easel:
        source = canvas.read_layer(layer)
        picture = Session(_connect, easel).run(source.picture, style, settings)
    canvas.add_layer_above(source, picture, PurePath(style_file.get_basename()).stem)


def _require_zmq() -> None:
    # Not at the top: GIMP must know the procedure even where this fails, to show why.
    try:
        import zmq  # noqa: F401
    except ImportError as error:
        raise ZmqMissing(
            f"GIMP's Python cannot use pyzmq ({error}), which reaches the Impasto daemon. "
            "Run ./install.sh plugin in the Impasto folder."
        ) from error


def _connect(on_start: Callable[[], None]) -> JobClient:
    from impasto_shared.launcher import connect_or_start

    return connect_or_start(default_endpoint(), name="GIMP", on_start=on_start)
