"""Messages from and to clients, whatever they are connected through, and what waits for them."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from impasto_shared.protocol.codec import Frame

# What is queued for a client that does not read. A preview has up to a megabyte; a message may be
# longer than the second limit, but none is queued behind it.
QUEUED_MESSAGES, QUEUED_BYTES = 32, 32 * 2**20
# Of a message with more frames than this in excess no more is waited for.
FRAMES_IN_EXCESS = 500


class Delivery(Enum):
    """The outcome of sending a message to a client."""

    SENT = auto()
    REFUSED = auto()
    """Its queue is full, because it has not read for a while."""
    DISCONNECTED = auto()
    """It has closed its connection, or its process has exited."""
    LOST = auto()
    """Its connection over a network has ended, but perhaps not its process: it may return."""


class Received(NamedTuple):
    """A message and its client. One frame too many means at least one too many.

    user: the client's key; "" for a client on this machine.
    """

    address: bytes
    frames: list[Frame]
    user: str = ""
