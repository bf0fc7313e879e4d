"""Errors carry a code for the wire and the field at fault."""

import pytest

from impasto_shared.errors import (
    AccessDenied,
    DaemonError,
    DaemonUnavailable,
    ErrorCode,
    ImpastoError,
    InvalidImage,
    InvalidSettings,
    ProtocolError,
)


@pytest.mark.parametrize(
    ("error", "code", "field"),
    [
        (InvalidSettings("size", "Too large."), ErrorCode.INVALID_SETTINGS, "size"),
        (InvalidImage("Too large."), ErrorCode.INVALID_IMAGE, None),
        (ProtocolError("Malformed."), ErrorCode.BAD_MESSAGE, None),
        (ProtocolError("Odd.", ErrorCode.UNKNOWN_TYPE, "type"), ErrorCode.UNKNOWN_TYPE, "type"),
        (DaemonError("Full.", ErrorCode.QUEUE_FULL, "job"), ErrorCode.QUEUE_FULL, "job"),
        (DaemonUnavailable("Absent."), ErrorCode.INTERNAL, None),
        (AccessDenied("Unknown key."), ErrorCode.INTERNAL, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_error_has_its_code_field_and_text(
    error: ImpastoError, code: ErrorCode, field: str | None
) -> None:
    assert (error.code, error.field) == (code, field)
    assert str(error).endswith(".")


def test_field_of_one_error_does_not_change_the_class() -> None:
    error = InvalidImage("Too large.")
    error.field = "content"

    assert InvalidImage("Too small.").field is None
