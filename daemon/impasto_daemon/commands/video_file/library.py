"""PyAV, which is there if Impasto was installed with the extra `video`."""

from __future__ import annotations

import sys
from typing import Any

from impasto_shared.errors import ImpastoError

_NOT_INSTALLED = (
    "PyAV, which reads and writes videos, is not installed ({reason}). Install it with: "
    "uv pip install --python {python} 'av>=14'"
)


class InvalidVideo(ImpastoError):
    """A video cannot be read or written, or PyAV is missing."""


def pyav() -> Any:
    """Returns the module `av`. Raises InvalidVideo if it is not installed.

    Its logging stays off: with it, decoding threads would wait for Python's lock, and a container
    that is being closed, which has the lock, for them.
    """
    try:
        import av
    except ImportError as error:
        message = _NOT_INSTALLED.format(reason=error, python=sys.executable)
        raise InvalidVideo(message) from error
    return av


def reason_of(error: Exception) -> str:
    """Returns the cause of an error of PyAV as the end of a sentence."""
    text = getattr(error, "strerror", None) or str(error)
    return f"{text[:1].lower()}{text[1:]}".rstrip(".") or type(error).__name__
