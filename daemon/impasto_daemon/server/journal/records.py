"""The record of a job in the journal, encoded and checked as the messages of the protocol are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from impasto_shared.errors import ProtocolError
from impasto_shared.image import PixelFormat, check_size
from impasto_shared.protocol.codec import MAGIC, decode, encode
from impasto_shared.protocol.messages import Submit
from impasto_shared.protocol.reports import JobState, Problem
from impasto_shared.settings import StyleSettings

_FILE_NAME = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}\.(input|picture)")


def _check_file(name: str) -> None:
    if not _FILE_NAME.fullmatch(name):
        raise ProtocolError(f"{name!r:.80} is not the name of a file in the journal.")


@dataclass(frozen=True)
class InputFile:
    """The file of a job's input: its name and its size."""

    name: str
    size_bytes: int

    def __post_init__(self) -> None:
        _check_file(self.name)


@dataclass(frozen=True)
class PictureFile:
    """The file of a finished picture.

    unsynced_boot: the boot of the machine in which it was written, until it is synced to the disk;
        in a later boot, its contents may be missing.
    """

    name: str
    width: int
    height: int
    format: PixelFormat
    unsynced_boot: str | None = None

    def __post_init__(self) -> None:
        _check_file(self.name)
        check_size(self.width, self.height)

    @property
    def size_bytes(self) -> int:
        """The size of the file."""
        return self.width * self.height * self.format.bytes_per_pixel


@dataclass(frozen=True)
class Record:
    """A job as the journal stores it.

    number: its place in the order of submission.
    submitted_at, ended_at: the time of day in seconds, for records of versions without submitted_s
        and ended_s.
    submitted_s, ended_s: the time of the journal's clock, which cannot be set.
    begun_px: the longest side at which the picture that it begins from was painted; 0: none.
    follows: whether it is a frame of a video that keeps the paint of the one before it.
    painted_px: the longest side at which it was being painted at its end; 0: unknown.
    starts: how often it was running when the daemon ended without being asked to.
    """

    type: ClassVar[str] = "job"
    job: str
    number: int
    state: JobState
    client: str
    detached: bool
    settings: StyleSettings
    width: int
    height: int
    submitted_at: float
    starts: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    painted_s: float | None = None
    ended_at: float | None = None
    problem: Problem | None = None
    input: InputFile | None = None
    picture: PictureFile | None = None
    removal_reason: str = ""
    begun_px: int = 0
    painted_px: int = 0
    follows: bool = False
    submitted_s: float | None = None
    ended_s: float | None = None

    def __post_init__(self) -> None:
        check_size(self.width, self.height)


_KINDS = Record | Submit


def encode_record(record: Record) -> bytes:
    """Returns a record as bytes."""
    return bytes(encode(record)[1])


def decode_record(data: bytes) -> Record:
    """Returns the record in `data`; raises ImpastoError if it is damaged."""
    record: Any = decode([MAGIC, data], _KINDS)
    if not isinstance(record, Record):
        raise ProtocolError("The record is not that of a job.")
    return record
