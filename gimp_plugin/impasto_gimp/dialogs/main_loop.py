"""GLib's main loop, as far as a procedure that waits must turn it."""

from __future__ import annotations

from impasto_gimp.introspection import GLib


def handle_events() -> None:
    """Handles whatever has happened to the plug-in's windows since the last call."""
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass
