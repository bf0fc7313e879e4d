"""GLib's main loop, which a procedure must run while it waits."""

from __future__ import annotations

from impasto_gimp.introspection import GLib


def handle_events() -> None:
    """Handles all events of the plug-in's windows since the last call."""
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass
