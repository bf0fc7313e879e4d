"""The foot of the dialog: what the daemon is doing, and a button that starts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from impasto_gimp.arguments import LABELS, START_LABEL  # noqa: E402
from impasto_gimp.daemon_line import DaemonLine, Work, daemon_line  # noqa: E402
from impasto_gimp.main_loop import handle_events  # noqa: E402
from impasto_gimp.translation import gettext  # noqa: E402
from impasto_shared.config import default_endpoint  # noqa: E402
from impasto_shared.errors import ImpastoError  # noqa: E402

_LOOK_AGAIN_S = 3
_LOOK_SOON_MS = 300
_SPACING_PX = 6


def new_daemon_bar(config: Any, work: Callable[[], Work | None]) -> Any:
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

    def show(line: DaemonLine) -> None:
        text.set_text(line.text)
        start.set_visible(line.can_start)

    def look_again() -> bool:
        show(daemon_line(work()))
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
        show(DaemonLine(gettext("The Impasto daemon is being started…")))
        try:
            _start()
        except ImpastoError as error:
            show(DaemonLine(str(error)))
        else:
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


def _start() -> None:
    from impasto_shared.launcher import connect_or_start

    connect_or_start(default_endpoint(), name="GIMP", while_waiting=handle_events).close()
