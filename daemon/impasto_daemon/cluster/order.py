"""The messages between the program that has a batch and the workers that paint it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto_daemon.commands.batch.record import Record
from impasto_shared.protocol.reports import Problem


@dataclass(frozen=True)
class Former:
    """The frame of a film that another one begins from: picture files, and the photo's name."""

    name: str
    photo: bytes
    painted: bytes


@dataclass(frozen=True)
class Order:
    """A picture to be painted.

    record: of its origin; without the digest of a photo that the worker reads itself.
    photo: the content of the photo's file; None if the worker reads the file.
    target: the file of the picture. The worker writes it if it reads the photo, and otherwise makes
        its content, in the format that the name says.
    free_bytes: the room for it, where this program writes it.
    former: the frame before, of a frame that begins from one.
    """

    record: Record
    photo: bytes | None
    target: str
    free_bytes: int | None
    former: Former | None = None


@dataclass(frozen=True)
class Outcome:
    """The end of an order.

    file: the content of the picture's file; None if the worker has written it, or failed.
    problem: why there is no picture.
    notes: sentences about the photo, such as that it is an animation, for the user.
    worker: the address of the worker.
    """

    file: memoryview | None
    problem: Problem | None
    notes: Sequence[str]
    worker: str
