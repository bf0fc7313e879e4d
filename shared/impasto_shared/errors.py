"""Everything that can go wrong between a client and the daemon, as a tree.

ImpastoError
├── InvalidSettings      a setting has a value outside its range
├── InvalidImage         an image is too large, too small, or its bytes do not fit its description
├── ProtocolError        a message does not follow PROTOCOL.md
├── DaemonUnavailable    no daemon answers, it vanished, or it could not be started
├── AccessDenied         a daemon on another machine does not let this client in
└── DaemonError          the daemon answered with an error, or the job failed

Each carries a sentence for the person at the easel: what is wrong and what to do.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """What an error reply or a failed job is about; the names on the wire."""

    BAD_MESSAGE = "bad-message"
    UNSUPPORTED_VERSION = "unsupported-version"
    UNKNOWN_TYPE = "unknown-type"
    TOO_LARGE = "too-large"
    INVALID_SETTINGS = "invalid-settings"
    INVALID_IMAGE = "invalid-image"
    UNKNOWN_JOB = "unknown-job"
    NOT_DONE = "not-done"
    QUEUE_FULL = "queue-full"
    OUT_OF_MEMORY = "out-of-memory"
    WEIGHTS_MISSING = "weights-missing"
    NOT_FINITE = "not-finite"
    WORKER_DIED = "worker-died"
    SHUTTING_DOWN = "shutting-down"
    INTERNAL = "internal"


class ImpastoError(Exception):
    """The base of all errors that Impasto raises on purpose."""

    code = ErrorCode.INTERNAL
    field: str | None = None


class InvalidSettings(ImpastoError):
    """A setting is unknown, of the wrong type, or outside its range."""

    code = ErrorCode.INVALID_SETTINGS

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidImage(ImpastoError):
    """An image cannot be used: its size, its format, or its number of bytes is wrong."""

    code = ErrorCode.INVALID_IMAGE


class ProtocolError(ImpastoError):
    """A message does not follow the protocol; `code` says in which way."""

    def __init__(
        self, message: str, code: ErrorCode = ErrorCode.BAD_MESSAGE, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class DaemonUnavailable(ImpastoError):
    """No daemon answers at the endpoint, or it has gone in the middle of a job."""


class AccessDenied(ImpastoError):
    """A daemon does not let this client in, or is not the one whose key is configured."""


class DaemonError(ImpastoError):
    """The daemon refused a request, or a job failed; `code` and the text are the daemon's."""

    def __init__(self, message: str, code: ErrorCode, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
