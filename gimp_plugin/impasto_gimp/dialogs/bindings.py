"""Keeps widgets up to date with the arguments that they show, and connects what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from impasto_gimp.arguments.procedure_arguments import StyleArguments
from impasto_gimp.dialogs.main_loop import WhenIdle
from impasto_gimp.introspection import Gimp
from impasto_gimp.introspection_gtk import Gtk


def connect_soon(widget: Gtk.Widget, signal: str, action: Callable[[], object]) -> None:
    """Has `action`, which runs a main loop, called soon after a signal of `widget`.

    Showing a window and waiting for the daemon run one. A handler must not: a screen reader's
    message may have emitted the signal, and is not done until the handler returns. GTK asks the
    screen reader about each key, handles messages while it waits for the answer, and would wait
    forever for the one that is not done.
    """
    idle = WhenIdle(action)
    widget.connect(signal, idle.ask)
    widget.connect("destroy", idle.cancel)


def connect_while(
    widget: Gtk.Widget, config: Gimp.ProcedureConfig, signal: str, handler: Callable[..., object]
) -> None:
    """Connects `handler` to a signal of `config` until `widget` is destroyed.

    `config` outlives the dialog: *Adjust…* opens another one for it.
    """
    connection = config.connect(signal, handler)
    widget.connect("destroy", lambda _: config.disconnect(connection))


def follow_rows(widget: Gtk.Widget, model: Gtk.ListStore, update: Callable[[], object]) -> None:
    """Calls `update` whenever a row of `model` is added or changed, as long as `widget` exists."""
    connections = [
        model.connect_after(signal, lambda *_: update())
        for signal in ("row-inserted", "row-changed")
    ]

    def end(_: Gtk.Widget) -> None:
        for connection in connections:
            model.disconnect(connection)

    widget.connect("destroy", end)


def keep_updated(
    widget: Gtk.Widget,
    config: Gimp.ProcedureConfig,
    arguments: Iterable[str],
    update: Callable[[], object],
) -> None:
    """Calls `update` now, and whenever one of `arguments` of `config` changes.

    widget: what is updated, as long as it exists.
    """
    for argument in arguments:
        connect_while(widget, config, f"notify::{argument}", lambda *_: update())
    update()


def painting_arguments(styles: Iterable[StyleArguments]) -> list[str]:
    """Returns the names of the arguments that choose the paintings of `styles`."""
    return [argument for style in styles for argument in (style.file, style.layer)]


def area_arguments(styles: Iterable[StyleArguments]) -> list[str]:
    """Returns the names of the arguments on which the painted area depends."""
    styles = list(styles)
    return [*painting_arguments(styles), *(style.region for style in styles)]
