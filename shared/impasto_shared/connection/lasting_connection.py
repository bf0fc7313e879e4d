"""A connection to the daemon that is replaced by a new one when it is lost.

A connection can end while both sides go on: the network fails for a while, the daemon's process for
TCP is replaced, or the daemon is started again. It can also fall silent for good, without an end:
behind a tunnel or a router that has forgotten it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from impasto_shared.connection.transport import Transport
from impasto_shared.errors import DaemonUnavailable, ImpastoError
from impasto_shared.protocol.messages import DaemonMessage, ErrorReply, Hello, Welcome
from impasto_shared.running_clock import RunningClock
from impasto_shared.text.sentences import sentence

TRY_S = 5.0
"""The time in which the daemon must answer a new connection; then the next one is tried."""
PAUSE_S = 0.2
"""The time between two tries."""
# The longest wait in one go: in between the clock is read, and a loss noticed.
_ROUND_S = 0.5
_SLEEP_S = 0.1
_HELLO_ID = "hello"


class LastingConnection:
    """A connection that each call of `receive` replaces if it is lost.

    open_transport: opens a socket to the daemon.
    client_name: the name in `hello`.
    while_waiting: called ten times a second during a wait between two tries.

    Only time in which this process runs counts: a client that was stopped for a while, in a
    debugger or as its machine slept, has not waited for the daemon.
    """

    def __init__(
        self,
        open_transport: Callable[[], Transport],
        client_name: str,
        while_waiting: Callable[[], object],
    ) -> None:
        self._open_transport = open_transport
        self._client_name = client_name
        self._while_waiting = while_waiting
        self._clock = RunningClock()
        self._transport: Transport | None = None
        self._problem: ImpastoError | None = None
        self._is_admitted = False
        self._tried_s = -math.inf
        self._lost_s = self._heard_s = self._clock.now_s
        self.number = 0
        """The number of connections so far: a new number means a new connection."""
        self.welcome: Welcome
        """The daemon's answer to `hello`, through the latest connection."""

    def connect(self, timeout_s: float) -> None:
        """Connects for the first time; raises as `Client.connect` does."""
        deadline_s = self.now_s + timeout_s
        while not self.is_connected:
            remaining_s = deadline_s - self.now_s
            if remaining_s <= 0 or self._problem is not None:
                raise self.unavailable()
            self.receive(remaining_s)

    @property
    def is_connected(self) -> bool:
        """True from the daemon's answer to `hello` to its last message before a loss."""
        return self._is_admitted

    @property
    def now_s(self) -> float:
        """The time for which this process has been running, in seconds."""
        return self._clock.look()

    @property
    def lost_s(self) -> float:
        """The time since the connection was lost, in seconds; 0 while there is one."""
        return 0.0 if self.is_connected else self.now_s - self._lost_s

    @property
    def silent_s(self) -> float:
        """The time since the last message of the daemon, or since `expect_messages`, in seconds."""
        return self.now_s - self._heard_s

    def expect_messages(self) -> None:
        """Lets `silent_s` begin at 0: until now the daemon had nothing to say."""
        self._heard_s = self.now_s

    def send(self, message: object) -> bool:
        """Returns whether a message could be sent; if not, `receive` connects again."""
        if self._transport is None or not self._is_admitted:
            return False
        try:
            self._transport.send(message)
        except DaemonUnavailable:
            return False
        return True

    def receive(self, timeout_s: float, silence_limit_s: float = math.inf) -> DaemonMessage | None:
        """Returns the next message; None if none arrives, in half a second at most.

        A connection that is lost, or silent for longer than `silence_limit_s`, is replaced.

        Raises:
            AccessDenied: if the daemon does not authorise this client (any more).
            ProtocolError, DaemonError: if it speaks another version of the protocol.
            UnsafeDirectory, KeysUnusable: as `Client.connect`.
        """
        timeout_s = min(timeout_s, _ROUND_S)
        if self._transport is None and self.now_s - self._tried_s >= PAUSE_S:
            self._try()
        if self._transport is None:
            self._sleep(timeout_s)
            return None
        if self._transport.wait_for_message(timeout_s):
            message = self._transport.receive()
            self._heard_s = self.now_s
            if self._is_admitted:
                return message
            self._admit(message)
            return None
        is_silent = self._is_admitted and self.silent_s > silence_limit_s
        is_unanswered = not self._is_admitted and self.now_s - self._tried_s > TRY_S
        if is_silent or is_unanswered or not self._transport.is_connected:
            self._lose(self._transport)
        return None

    def drop(self) -> None:
        """Gives up a connection that does not answer; `receive` opens another."""
        if self._transport is not None:
            self._lose(self._transport)

    def unavailable(self) -> ImpastoError:
        """Returns the error for a daemon that does not answer or has refused the connection."""
        if self._problem is not None:
            return self._problem
        if self._transport is not None:
            return self._transport.unavailable()
        return DaemonUnavailable(sentence("connection-closed"))

    def close(self, linger_s: float = 0.0) -> None:
        """Closes the connection; may be called more than once.

        linger_s: the time within which messages are still sent, in the background.
        """
        if self._transport is not None:
            self._transport.close(linger_s)

    def _try(self) -> None:
        self._tried_s = self.now_s
        try:
            self._transport = self._open_transport()
            self._transport.send(Hello(_HELLO_ID, self._client_name))
        except DaemonUnavailable as error:
            self._problem = error

    def _admit(self, message: DaemonMessage | None) -> None:
        """Notes the answer to `hello`, if this is one."""
        if isinstance(message, ErrorReply) and message.re in (_HELLO_ID, None):
            problem = message.problem
            raise problem.error
        if isinstance(message, Welcome) and message.re == _HELLO_ID:
            self.welcome = message
            self.number += 1
            self._is_admitted = True
            self._problem = None

    def _lose(self, transport: Transport) -> None:
        """Closes a connection; raises AccessDenied if there is no use in another."""
        if self._is_admitted:
            self._lost_s = self.now_s
        self._problem = transport.unavailable()
        self._transport, self._is_admitted = None, False
        transport.close()
        if transport.is_denied:
            raise self._problem

    def _sleep(self, timeout_s: float) -> None:
        """Waits for `timeout_s`, or until the next try."""
        deadline_s = time.monotonic() + min(timeout_s, PAUSE_S)
        while (remaining_s := deadline_s - time.monotonic()) > 0:
            self._while_waiting()
            time.sleep(min(remaining_s, _SLEEP_S))
