"""What is sent to clients, and what waits until they read; nobody is ever waited for."""

from __future__ import annotations

import logging
from collections import deque
from enum import Enum, auto
from typing import Any

import zmq

from impasto_shared.codec import encode

logger = logging.getLogger(__name__)

# Messages in the queue of a client that does not read. A preview has up to a megabyte.
QUEUED_MESSAGES = 32
# What a client asks beyond these is not answered: it would fill the memory.
MAX_WAITING_REPLIES = 256


class Delivery(Enum):
    """What has become of a message to a client."""

    SENT = auto()
    REFUSED = auto()
    """It has not read for so long that no more fits into its queue."""
    DISCONNECTED = auto()


class Outbox:
    """Sends through a ROUTER socket that refuses what does not fit and names who has gone."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._waiting: dict[bytes, deque[Any]] = {}

    def try_send(self, address: bytes, message: Any) -> Delivery:
        """Sends news, if its client can take it now: what is refused is not sent later."""
        if address in self._waiting:
            return Delivery.REFUSED
        return self._send(address, message)

    def reply(self, address: bytes, message: Any) -> None:
        """Sends a reply now, or as soon as its client reads what was sent before it.

        Dropped where the client has gone, or has left 256 others waiting.
        """
        waiting = self._waiting.get(address)
        if waiting is None:
            if self._send(address, message) is Delivery.REFUSED:
                logger.warning("a client does not read: its replies wait")
                self._waiting[address] = deque([message])
        elif len(waiting) < MAX_WAITING_REPLIES:
            waiting.append(message)
        else:
            logger.warning("a client does not read: a reply is dropped (%s)", message.type)

    @property
    def has_waiting(self) -> bool:
        """Whether a reply waits for its client to read."""
        return bool(self._waiting)

    def flush(self) -> None:
        """Sends of the waiting replies what their clients take now."""
        for address, waiting in list(self._waiting.items()):
            while waiting:
                delivery = self._send(address, waiting[0])
                if delivery is Delivery.REFUSED:
                    break
                if delivery is Delivery.DISCONNECTED:
                    waiting.clear()
                else:
                    waiting.popleft()
            else:
                del self._waiting[address]

    def _send(self, address: bytes, message: Any) -> Delivery:
        try:
            self._socket.send_multipart([address, *encode(message)], flags=zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return Delivery.REFUSED
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return Delivery.DISCONNECTED
        return Delivery.SENT
