"""Messages to clients, with backpressure: the server never waits for one that does not read."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Protocol

from impasto_daemon.server.front.delivery import Delivery
from impasto_shared.protocol.codec import Frame, encode

logger = logging.getLogger(__name__)

# Further replies are dropped: they would fill the memory.
MAX_WAITING_REPLIES = 256


class Sender(Protocol):
    """The connections to clients."""

    def send(self, address: bytes, frames: list[Frame]) -> Delivery:
        """Sends a message if its client can take it now; it is not sent later."""


class Outbox:
    """Sends through a `Sender` that refuses messages to full queues and unknown clients."""

    def __init__(self, clients: Sender) -> None:
        self._clients = clients
        self._waiting: dict[bytes, deque[list[Frame]]] = {}
        self._dropping: set[bytes] = set()

    def try_send(self, address: bytes, message: Any) -> Delivery:
        """Sends a message if its client can take it now; it is not sent later."""
        if address in self._waiting:
            return Delivery.REFUSED
        frames = _encoded(message)
        return Delivery.SENT if frames is None else self._clients.send(address, frames)

    def reply(self, address: bytes, message: Any) -> None:
        """Sends a reply now, or as soon as its client has read earlier messages.

        It is dropped if the client has disconnected, or if 256 replies to it are waiting.
        """
        waiting = self._waiting.get(address)
        frames = _encoded(message)
        if frames is None:
            return
        if waiting is None:
            if self._clients.send(address, frames) is Delivery.REFUSED:
                logger.warning("a client does not read: its replies wait")
                self._waiting[address] = deque([frames])
        elif len(waiting) < MAX_WAITING_REPLIES:
            waiting.append(frames)
        elif address not in self._dropping:  # logged once: it could send requests without end
            self._dropping.add(address)
            logger.warning("a client does not read: its replies are dropped")

    @property
    def has_waiting(self) -> bool:
        """True if any reply is waiting for its client to read."""
        return bool(self._waiting)

    def flush(self) -> None:
        """Sends the waiting replies that their clients can take now."""
        for address, waiting in list(self._waiting.items()):
            while waiting:
                delivery = self._clients.send(address, waiting[0])
                if delivery is Delivery.REFUSED:
                    break
                if delivery in (Delivery.DISCONNECTED, Delivery.LOST):
                    waiting.clear()
                else:
                    waiting.popleft()
            else:
                del self._waiting[address]
                self._dropping.discard(address)


def _encoded(message: Any) -> list[Frame] | None:
    """Returns a message on the wire; None if that is impossible, which is logged."""
    try:
        return encode(message)
    except Exception:
        # A value that JSON cannot express is a defect, but must not end all other jobs.
        logger.exception("a message cannot be encoded and is dropped: %s", message.type)
        return None
