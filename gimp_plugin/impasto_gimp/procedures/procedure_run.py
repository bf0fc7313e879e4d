"""The frame in which every procedure runs, and the status that GIMP receives."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from impasto_gimp.introspection import Gimp, GLib
from impasto_gimp.jobs.session import Abandoned, AdjustmentWanted
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError


def run(procedure: Gimp.Procedure, paint: Callable[[], bool]) -> Gimp.ValueArray:
    """Runs `paint`, which returns False if the user cancelled, and returns the procedure's result.

    Any error becomes a message in GIMP.
    """
    try:
        if not paint():
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    except Abandoned:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    except ImpastoError as error:
        return _failure(procedure, str(error))
    except Exception as error:  # noqa: BLE001 - the outermost loop: GIMP shows it, nothing is lost
        traceback.print_exc()
        return _failure(
            procedure,
            gettext(
                "Internal error in the filter ({kind}: {error}). Start GIMP from a terminal for "
                "details."
            ).format(kind=type(error).__name__, error=error),
        )
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def paint_as_asked(
    run_mode: Gimp.RunMode, ask: Callable[[], bool], paint: Callable[[], object]
) -> bool:
    """Returns whether `paint` was called to its end, which in a dialog needs True from `ask`.

    If the user wants to adjust the settings meanwhile, it begins again.
    """
    while run_mode != Gimp.RunMode.INTERACTIVE or ask():
        try:
            paint()
        except AdjustmentWanted:
            continue
        return True
    return False


def _failure(procedure: Gimp.Procedure, message: str) -> Gimp.ValueArray:
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(message))
