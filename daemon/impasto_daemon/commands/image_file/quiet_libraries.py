"""Keeps libraries in C, such as libtiff and libjpeg, from writing to standard error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Discards what is written to standard error; the errors come as exceptions, too."""
    try:
        stderr = os.dup(_STDERR)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(stderr, _STDERR)
        os.close(stderr)
        os.close(nowhere)
