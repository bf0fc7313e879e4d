"""The foot of a dialog: the state of the daemon, and a button that starts it."""

from __future__ import annotations

from collections.abc import Callable

from impasto_gimp.arguments.procedure_arguments import INSTALL_LABEL, LABELS, START_LABEL
from impasto_gimp.dialogs.bindings import connect_soon, connect_while
from impasto_gimp.dialogs.installation.installation_window import show_installation
from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.introspection import Gimp, GLib
from impasto_gimp.introspection_gtk import Gtk
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.daemon_status import DaemonStatus, PlannedJobs, daemon_status
from impasto_gimp.jobs.session import Abandoned
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError

_POLL_S = 3
_POLL_AFTER_CHANGE_MS = 300
_SPACING_PX = 6


class DaemonBar:
    """A line of text about the daemon, kept up to date, and the button to start or install it.

    widget: the bar, to be packed into a dialog.
    planned_jobs: returns the jobs that `config` asks for; None while it is invalid.
    on_status: called with each new status.
    """

    def __init__(
        self,
        config: Gimp.ProcedureConfig,
        planned_jobs: Callable[[], PlannedJobs | None],
        on_status: Callable[[DaemonStatus], object] = lambda _: None,
    ) -> None:
        self._planned_jobs, self._on_status = planned_jobs, on_status
        self._is_busy = self._is_answered = False
        # The longest line would widen the dialog beyond a small screen.
        self._text = Gtk.Label(xalign=0, wrap=True, width_chars=48, max_width_chars=48)
        self._text.get_style_context().add_class("dim-label")
        self._start = Gtk.Button.new_with_mnemonic(LABELS[START_LABEL])
        self._start.set_tooltip_text(
            gettext("Start the daemon now, so that painting can begin without delay")
        )
        self._start.set_no_show_all(True)
        connect_soon(self._start, "clicked", self._on_start)
        self._install = Gtk.Button(label=INSTALL_LABEL)
        self._install.set_no_show_all(True)
        connect_soon(self._install, "clicked", self._on_install)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=_SPACING_PX)
        self.widget.pack_start(self._text, True, True, 0)
        for button in (self._start, self._install):
            self.widget.pack_end(button, False, False, 0)
        self.widget.connect("destroy", self._on_destroy)
        self._polling = GLib.timeout_add_seconds(_POLL_S, self._poll)
        self._poll_after_change: int | None = None
        connect_while(self.widget, config, "notify", self._on_change)
        self.widget.show_all()
        self._poll()

    def _show(self, status: DaemonStatus) -> None:
        self._text.set_text(status.text)
        self._start.set_visible(status.can_start)
        self._install.set_visible(status.can_install)
        self._on_status(status)

    def _poll(self) -> bool:
        # Waiting for the daemon handles events, which may call this again.
        if not self._is_busy:
            self._is_busy = True
            try:
                self._show(daemon_status(self._planned_jobs(), while_waiting=handle_events))
            finally:
                self._is_busy = False
        return True

    def _on_change(self, *_: object) -> None:
        # Dragging a slider changes the configuration a hundred times.
        if self._poll_after_change is None:
            self._poll_after_change = GLib.timeout_add(_POLL_AFTER_CHANGE_MS, self._poll_once)

    def _poll_once(self) -> bool:
        self._poll_after_change = None
        self._poll()
        return False

    def _on_install(self) -> None:
        dialog = self.widget.get_toplevel()
        show_installation(dialog if isinstance(dialog, Gtk.Window) else None)
        self._poll()

    def _on_start(self) -> None:
        if self._is_busy:
            return
        self._is_busy, self._is_answered = True, False
        self._show(DaemonStatus(gettext("Starting the Impasto daemon…")))
        dialog = self.widget.get_toplevel()
        answers = dialog.connect("response", self._on_answer)
        try:
            connect(while_waiting=self._wait).close()
        except ImpastoError as error:
            self._is_busy = False
            self._show(DaemonStatus(str(error)))
        else:
            self._is_busy = False
            self._poll()
        finally:
            dialog.disconnect(answers)

    def _on_answer(self, *_: object) -> None:
        self._is_answered = True

    def _wait(self) -> None:
        """Handles events; raises Abandoned if the dialog has been answered."""
        handle_events()
        if self._is_answered:
            raise Abandoned(gettext("Cancelled."))

    def _on_destroy(self, *_: object) -> None:
        for source in (self._polling, self._poll_after_change):
            if source is not None:
                GLib.source_remove(source)
