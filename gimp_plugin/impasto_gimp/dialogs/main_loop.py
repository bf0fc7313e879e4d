"""GLib's main loop, which a procedure must run while it waits."""

from __future__ import annotations

from collections.abc import Callable

from impasto_gimp.introspection import GLib


def handle_events() -> None:
    """Handles all events of the plug-in's windows since the last call."""
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass


class WhenIdle:
    """Calls `action` when all events are handled: once, however often it was asked for by then."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._source: int | None = None

    def ask(self, *_: object) -> None:
        """Asks for the action. Signals, whose arguments do not matter, may call this."""
        if self._source is None:
            self._source = GLib.idle_add(self._act)

    def cancel(self, *_: object) -> None:
        """Takes the request back, if there is one."""
        if self._source is not None:
            GLib.source_remove(self._source)
            self._source = None

    def _act(self) -> bool:
        self._source = None
        self._action()
        return False
