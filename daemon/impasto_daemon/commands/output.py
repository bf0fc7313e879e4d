"""The text that commands write, on streams that accept any of it."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import sys
from typing import TextIO

from impasto_shared.text.printable import printable

_STANDARD_DESCRIPTORS = (0, 1, 2)


def prepare_streams() -> None:
    """Makes the standard streams accept any text, also where the caller has closed them.

    A closed descriptor would be reused by the next file or socket, which would then receive
    messages of libraries. Names of files need not be text in UTF-8, and a locale may lack a "×".
    """
    for number in _STANDARD_DESCRIPTORS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = _accepting_any_text(sys.stdout)
    sys.stderr = _accepting_any_text(sys.stderr)
    if not sys.stdout.isatty() and hasattr(sys.stdout, "reconfigure"):
        codecs.register_error("impasto-names", _as_in_file_system)
        sys.stdout.reconfigure(errors="impasto-names")  # a script opens the files that it is told


def _accepting_any_text(stream: TextIO | None) -> TextIO:
    if stream is None:  # it was closed
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - until the exit
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _as_in_file_system(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encodes a byte of a file's name that is not text as itself, and all else as an escape."""
    if isinstance(error, UnicodeEncodeError):
        character = error.object[error.start]
        if "\udc80" <= character <= "\udcff":
            return os.fsencode(character), error.start + 1
    return codecs.backslashreplace_errors(error)


def can_redraw(stream: TextIO) -> bool:
    """Returns whether the stream is a terminal that understands more than lines of text."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def say(*lines: str) -> None:
    """Prints lines on standard output, without control characters."""
    for line in lines:
        print(printable(line))


def say_json(value: object) -> None:
    """Prints JSON, which contains control characters as escapes only."""
    print(json.dumps(value, indent=2))


def warn(*lines: str) -> None:
    """Prints lines on standard error, without control characters."""
    for line in lines:
        print(printable(line), file=sys.stderr)


def complain(error: object) -> None:
    """Prints the reason why a command fails, if standard error can be written to."""
    with contextlib.suppress(OSError):
        warn(f"impasto: {error}")


def discard(stream: TextIO) -> None:
    """Drops what was not written to `stream`, so that Python's exit does not fail on it."""
    null = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(null, stream.fileno())
    os.close(null)
