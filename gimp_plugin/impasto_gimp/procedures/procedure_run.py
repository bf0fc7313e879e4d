"""How every procedure runs: what it needs, and how GIMP is told of its end."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from impasto_gimp.introspection import Gimp, GLib
from impasto_gimp.jobs.session import Abandoned
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError


class ZmqMissing(ImpastoError):
    """GIMP's Python lacks the library that reaches the daemon."""


def run(procedure: Any, paint: Callable[[], bool]) -> Any:
    """What a procedure returns that does `paint`, which says whether the person wanted it.

    An error becomes a message of GIMP's own, whatever it is.
    """
    try:
        _require_zmq()
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
                "The filter met an error of its own, {kind}: {error}. The terminal that GIMP was "
                "started from shows where."
            ).format(kind=type(error).__name__, error=error),
        )
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def _failure(procedure: Any, message: str) -> Any:
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(message))


def _require_zmq() -> None:
    # Not at the top: GIMP must know the procedure even where this fails, to show why.
    try:
        import zmq  # noqa: F401
    except ImportError as error:
        raise ZmqMissing(
            gettext(
                "GIMP's Python cannot use pyzmq ({error}), which reaches the Impasto daemon. Run "
                "./install.sh plugin in the Impasto folder, or impasto doctor --fix."
            ).format(error=error)
        ) from error
