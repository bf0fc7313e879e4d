"""A front as the server's child process: started again whenever it ends."""

from __future__ import annotations

import logging
import math
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from impasto_daemon.server.front.delivery import (
    QUEUED_BYTES,
    QUEUED_MESSAGES,
    Delivery,
    Received,
)
from impasto_daemon.server.front.link import Kind, Link, LinkBroken, Packet, Sending
from impasto_daemon.system.process_memory import resident_bytes
from impasto_shared.protocol.codec import Frame

logger = logging.getLogger(__name__)

ENCRYPTED = "encrypted"
FRONT_COMMAND: Sequence[str] = (sys.executable, "-P", "-m", "impasto_daemon.server.front.main")
MAX_RESIDENT_BYTES = min(4 * 2**30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4)
"""The pictures of several clients need less, and the memory of the machine has room for it."""
# The shortest time from one start to the next; it doubles with each process that lives for less
# than STEADY_S, but must stay below the lease of the jobs whose connections are lost.
RESTART_S, MAX_RESTART_S, STEADY_S = 0.5, 5.0, 30.0
_REMEMBERED_CLIENTS = 1024
_LOOK_S = 0.5
_PACKETS_OF_A_CALL = 100
# Of an address: a letter and a random number.
_GENERATION_BYTES = 5


class FrontProcess:
    """A front that serves `listener`, which is bound to `endpoint`, and the link to it.

    is_encrypted: whether it is for other machines, whose keys it checks.

    An address is of one generation: after a restart it is unknown. A connection that ends is lost:
    the network may have cut it, and not the client.
    """

    def __init__(
        self,
        endpoint: str,
        listener: socket.socket,
        log_level: str,
        clock: Callable[[], float],
        *,
        is_encrypted: bool,
    ) -> None:
        self.endpoint = endpoint
        self._listener = listener
        self._log_level = log_level
        self._clock = clock
        self._is_encrypted = is_encrypted
        self._generation = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: list[subprocess.Popen[bytes]] = []
        self.link: Link | None = None
        self._started_s = -math.inf
        self._restart_s = RESTART_S
        self._looked_s = clock()
        self._sending: dict[bytes, Sending] = {}  # long messages that are being copied
        self._unconfirmed: Counter[bytes] = Counter()
        self._unconfirmed_bytes: Counter[bytes] = Counter()
        self._disconnected: dict[bytes, None] = {}

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is no process."""
        return None if self._process is None else self._process.pid

    def supervise(self) -> None:
        """Starts the process if there is none; ends one that takes too much memory."""
        self._continue_sending()
        self._ending = [process for process in self._ending if process.poll() is None]
        if self._process is None:
            if self._clock() - self._started_s > self._restart_s:
                self._start()
        elif self._process.poll() is not None:
            self._lose(f"it exited with status {self._process.returncode}")
            self.supervise()
        elif self._clock() - self._looked_s > _LOOK_S:
            self._looked_s = self._clock()
            if (resident_bytes(self._process.pid) or 0) > MAX_RESIDENT_BYTES:
                self._lose("it takes too much memory")

    def receive(self) -> Received | None:
        """Returns the next message of a client, if there is one."""
        for _ in range(_PACKETS_OF_A_CALL):
            packet = self._next_packet()
            if packet is None:
                return None
            address = self._generation + packet.address
            if packet.kind is Kind.MESSAGE:
                return Received(address, list(packet.frames), packet.user)
            self._confirm(address, packet.outcome)
        return None

    def send(  # noqa: PLR0911 - one for each state of the connection
        self, address: bytes, frames: list[Frame]
    ) -> Delivery:
        """Sends a message if its client can take it now, or soon."""
        if self.link is None or not self.knows(address):
            return Delivery.LOST
        if address in self._disconnected:
            del self._disconnected[address]
            return Delivery.LOST
        size = sum(memoryview(frame).nbytes for frame in frames)
        waiting = self._unconfirmed[address]
        is_full = waiting >= QUEUED_MESSAGES or self._unconfirmed_bytes[address] > QUEUED_BYTES
        if waiting and (is_full or address in self._sending):
            return Delivery.REFUSED
        packet = Packet(Kind.MESSAGE, address[_GENERATION_BYTES:], frames)
        try:
            sending = self.link.send(packet)
        except LinkBroken as error:
            self._lose(str(error))
            return Delivery.LOST
        except OSError:
            self._cut_off(address)
            return Delivery.LOST
        if sending.is_copying:
            self._sending[address] = sending
        elif not sending.is_over:
            sending.cancel()
            return Delivery.REFUSED
        self._unconfirmed[address] += 1
        self._unconfirmed_bytes[address] += size
        return Delivery.SENT

    @property
    def is_copying(self) -> bool:
        """True if `supervise` has a long message to copy."""
        return any(sending.is_copying for sending in self._sending.values())

    @property
    def is_sending(self) -> bool:
        """True if `supervise` has a long message to send once the front is no longer behind."""
        return bool(self._sending)

    def knows(self, address: bytes) -> bool:
        """Returns whether an address is one of the process that runs now."""
        return address[:_GENERATION_BYTES] == self._generation

    def finish(self) -> None:
        """Lets the process send the last messages, and exit; those being copied are not sent."""
        self._cancel_sending()
        if self.link is not None:
            self.link.finish()

    def end(self, timeout_s: float) -> None:
        """Waits for the process to exit, and kills it after a while."""
        self._listener.close()
        running = [] if self._process is None else [self._process]
        for process in (*self._ending, *running):
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._close_link()

    def _start(self) -> None:
        has_been_steady = self._clock() - self._started_s > STEADY_S
        self._restart_s = RESTART_S if has_been_steady else min(2 * self._restart_s, MAX_RESTART_S)
        self._started_s = self._clock()
        self._generation = b"F" + os.urandom(_GENERATION_BYTES - 1)
        try:
            self.link, far = Link.pair()
            with far:
                self._process = self._spawn(far)
        except OSError:
            logger.exception("the front for %s cannot be started", self.endpoint)
            self._close_link()
            return
        logger.info("front %d serves at %s", self._process.pid, self.endpoint)

    def _spawn(self, far: socket.socket) -> subprocess.Popen[bytes]:
        descriptors = far.fileno(), self._listener.fileno()
        numbers = map(str, (os.getpid(), *descriptors))
        options = [ENCRYPTED] if self._is_encrypted else []
        return subprocess.Popen(  # noqa: S603 - our own program
            [*FRONT_COMMAND, self._log_level, *numbers, *options],
            stdin=subprocess.DEVNULL,
            cwd="/",
            pass_fds=descriptors,
        )

    def _lose(self, reason: str) -> None:
        """Ends the process, and with it all connections; the next one starts after a while."""
        logger.error(
            "the connections to %s are closed: %s; it is served again within %.1f s",
            *(self.endpoint, reason, self._restart_s),
        )
        if self._process is not None:
            with suppress(OSError):
                self._process.kill()
            self._ending.append(self._process)
        self._process = None
        self._close_link()
        self._cancel_sending()
        self._unconfirmed.clear()
        self._unconfirmed_bytes.clear()
        self._disconnected.clear()

    def _continue_sending(self) -> None:
        """Copies a part of each long message, and sends those that are complete."""
        for address, sending in list(self._sending.items()):
            try:
                sending.advance()
            except LinkBroken as error:
                self._lose(str(error))
                return
            except OSError:
                self._confirm(address, Delivery.DISCONNECTED.value)
                self._cut_off(address)
            if sending.is_over:
                self._sending.pop(address, None)

    def _cut_off(self, address: bytes) -> None:
        """Closes the connection of a client whose message cannot be passed on.

        It would wait for the message in vain; now it connects and asks again.
        """
        logger.exception("there is no memory for a message to a client, which is cut off")
        reason = "it cannot be told to cut off a client"
        try:
            packet = Packet(Kind.CUT_OFF, address[_GENERATION_BYTES:])
            is_told = self.link is not None and self.link.send(packet).is_over
        except (LinkBroken, OSError) as error:
            is_told, reason = False, str(error)
        if not is_told:
            self._lose(reason)

    def _cancel_sending(self) -> None:
        for sending in self._sending.values():
            sending.cancel()
        self._sending.clear()

    def _next_packet(self) -> Packet | None:
        try:
            return None if self.link is None else self.link.receive()
        except LinkBroken as error:
            self._lose(str(error))
        return None

    def _close_link(self) -> None:
        if self.link is not None:
            self.link.close()
        self.link = None

    def _confirm(self, address: bytes, outcome: int) -> None:
        """Records the outcome of a message."""
        self._unconfirmed[address] -= 1
        if self._unconfirmed[address] <= 0:
            del self._unconfirmed[address]
            del self._unconfirmed_bytes[address]
        if outcome == Delivery.DISCONNECTED.value:
            self._disconnected[address] = None
            if len(self._disconnected) > _REMEMBERED_CLIENTS:
                del self._disconnected[next(iter(self._disconnected))]
