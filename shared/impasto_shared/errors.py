"""The errors of clients and daemon, as a tree.

ImpastoError
├── InvalidSettings      a setting has a value outside its range
├── InvalidImage         an image is too large, too small, or its bytes do not fit its description
├── ProtocolError        a message does not follow PROTOCOL.md
├── DaemonUnavailable    no daemon answers, it exited, or it could not be started
├── UnsafeDirectory      a folder of sockets, keys or pictures is missing, or open to other users
├── AccessDenied         a daemon on another machine does not authorise this client
└── DaemonError          the daemon answered with an error, or the job failed

The text of each is for the user: what is wrong and what to do.
"""

from __future__ import annotations

from impasto_shared.str_enum import StrEnum


class ErrorCode(StrEnum):
    """The kinds of errors in error replies and failed jobs, by their names on the wire."""

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
    """The base class of all errors that Impasto raises deliberately."""

    code = ErrorCode.INTERNAL
    field: str | None = None


class InvalidSettings(ImpastoError):
    """A setting is unknown, of the wrong type, or outside its range."""

    code = ErrorCode.INVALID_SETTINGS

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidImage(ImpastoError):
    """An image has an unusable size or format, or the wrong number of bytes."""

    code = ErrorCode.INVALID_IMAGE


class ProtocolError(ImpastoError):
    """A message does not follow the protocol, in the way given by `code`."""

    def __init__(
        self, message: str, code: ErrorCode = ErrorCode.BAD_MESSAGE, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class DaemonUnavailable(ImpastoError):
    """No daemon answers at the endpoint, or it stopped in the middle of a job."""


class UnsafeDirectory(ImpastoError):
    """A folder of sockets, keys or pictures is missing, or accessible to other users."""


class AccessDenied(ImpastoError):
    """A daemon does not authorise this client, or does not have the configured key."""


class DaemonError(ImpastoError):
    """The daemon refused a request, or a job failed; `code` and the text are the daemon's."""

    def __init__(self, message: str, code: ErrorCode, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
