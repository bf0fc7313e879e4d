"""The work of a window with the daemon: one thing after the other, while the window stays alive."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.introspection import GLib
from impasto_gimp.jobs.connection import connect
from impasto_gimp.jobs.session import Abandoned
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError

if TYPE_CHECKING:
    from impasto_shared.client import Client


class DaemonWork:
    """The connection of a window to the daemon, and the order of all that uses it.

    Waiting for the daemon handles events, so that the user may ask for something meanwhile: that is
    done next.

    step: called every `interval_ms`, unless something else is being done.
    show_error: called with the text of an error, after which the connection is closed, and `step`
        called no more until the user asks for something.
    """

    def __init__(
        self, step: Callable[[], object], show_error: Callable[[str], object], interval_ms: int
    ) -> None:
        self._step, self._show_error = step, show_error
        self._wishes: dict[Hashable, Callable[[], object]] = {}
        self._client: Client | None = None
        self._is_busy = self._is_paused = False
        self.is_ended = False
        """Whether the window was answered; set by it. What is being done then ends soon."""
        self._sources = {"step": GLib.timeout_add(interval_ms, self._on_tick)}

    def ask(self, what: Hashable, wish: Callable[[], object]) -> None:
        """Calls `wish` as soon as nothing else is being done.

        what: a name for it. An earlier wish of the same name that still waits is given up.
        """
        if self.is_ended:  # GTK tells of changes while a window is destroyed, too
            return
        self._wishes.pop(what, None)
        self._wishes[what] = wish
        if "wishes" not in self._sources:
            self._sources["wishes"] = GLib.idle_add(self._on_idle)

    def client(self) -> Client:
        """Returns the connection, which is made if there is none."""
        if self._client is None:
            self._client = connect(while_waiting=self._wait)
        return self._client

    def disconnect(self) -> None:
        """Closes the connection, which cancels unfinished jobs that were submitted through it."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def close(self) -> None:
        """Does nothing further, and closes the connection."""
        self.is_ended = True
        for source in self._sources.values():
            GLib.source_remove(source)
        self._sources.clear()
        self.disconnect()

    def _wait(self) -> None:
        """Handles events; raises Abandoned if the window has been answered."""
        handle_events()
        if self.is_ended:
            raise Abandoned(gettext("Cancelled."))

    def _on_tick(self) -> bool:
        if not self._is_paused:
            self._do(self._step)
        return True

    def _on_idle(self) -> bool:
        del self._sources["wishes"]
        self._do(None)
        return False

    def _do(self, task: Callable[[], object] | None) -> None:
        """Does a task and all that is wished, unless something is being done, which does so."""
        if self._is_busy:
            return
        self._is_busy = True
        try:
            task = task or self._next_wish()
            while task is not None and not self.is_ended:
                self._attempt(task)
                task = self._next_wish()
        finally:
            self._is_busy = False

    def _attempt(self, task: Callable[[], object]) -> None:
        try:
            task()
        except ImpastoError as error:
            self._is_paused = True
            self.disconnect()
            self._show_error(str(error))

    def _next_wish(self) -> Callable[[], object] | None:
        if not self._wishes:
            return None
        self._is_paused = False
        return self._wishes.pop(next(iter(self._wishes)))
