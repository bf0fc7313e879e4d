"""The foot of the dialog: what the daemon is doing, and a button that starts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.introspection import GLib
from impasto_gimp.introspection_gtk import Gtk
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.daemon_status import DaemonStatus, PlannedJobs, daemon_status
from impasto_gimp.jobs.session import Abandoned
from impasto_gimp.procedures.arguments import LABELS, START_LABEL
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError

_LOOK_AGAIN_S = 3
_LOOK_SOON_MS = 300
_SPACING_PX = 6


def new_daemon_bar(config: Any, work: Callable[[], PlannedJobs | None]) -> Any:
    """A line of text that is kept true, and the button where the daemon can be started.

    work: what `config` asks for, whenever that has changed; None where it cannot be painted.
    """
    bar = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
    text = Gtk.Label(xalign=0, wrap=True, width_chars=48)
    text.get_style_context().add_class("dim-label")
    start = Gtk.Button.new_with_mnemonic(LABELS[START_LABEL])
    start.set_tooltip_text(
        gettext("Start the daemon now, so that the painting begins at once later")
    )
    start.set_no_show_all(True)
    bar.pack_start(text, True, True, 0)
    bar.pack_end(start, False, False, 0)

    soon: int | None = None
    is_busy = False

    def show(line: DaemonStatus) -> None:
        text.set_text(line.text)
        start.set_visible(line.can_start)

    def look_again() -> bool:
        # While a client waits the windows are kept alive, and this may be called within itself.
        nonlocal is_busy
        if not is_busy:
            is_busy = True
            try:
                show(daemon_status(work(), while_waiting=handle_events))
            finally:
                is_busy = False
        return True

    def look_soon(*_: object) -> None:
        # A slider that is pulled changes the configuration a hundred times.
        nonlocal soon
        if soon is None:
            soon = GLib.timeout_add(_LOOK_SOON_MS, look_now)

    def look_now() -> bool:
        nonlocal soon
        soon = None
        look_again()
        return False

    def start_daemon(*_: object) -> None:
        nonlocal is_busy
        if is_busy:
            return
        is_busy = True
        show(DaemonStatus(gettext("The Impasto daemon is being started…")))
        answered = _answer_of(bar.get_toplevel())

        def wait() -> None:
            handle_events()
            if answered:
                raise Abandoned(gettext("Cancelled."))

        try:
            connect(while_waiting=wait).close()
        except ImpastoError as error:
            is_busy = False
            show(DaemonStatus(str(error)))
        else:
            is_busy = False
            look_again()

    start.connect("clicked", start_daemon)
    source = GLib.timeout_add_seconds(_LOOK_AGAIN_S, look_again)
    changes = config.connect("notify", look_soon)

    def end(*_: object) -> None:
        config.disconnect(changes)
        for waiting in (source, soon):
            if waiting is not None:
                GLib.source_remove(waiting)

    bar.connect("destroy", end)
    bar.show_all()
    look_again()
    return bar


def _answer_of(dialog: Any) -> list[Any]:
    """What is pressed in a dialog from now on."""
    pressed: list[Any] = []
    dialog.connect("response", lambda _, response: pressed.append(response))
    return pressed
