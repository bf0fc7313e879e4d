"""The lock that lets one installation run at a time."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from impasto_shared.errors import ImpastoError
from impasto_shared.files.paths import data_dir
from impasto_shared.text.sentences import reason_of, sentence

_POLL_S = 0.1


@contextmanager
def only_installation(while_waiting: Callable[[], object]) -> Iterator[int]:
    """Opens a context in which no other process of this user installs or removes anything.

    It holds the folder of Impasto's data itself, so that a killed process leaves nothing locked,
    and removes it at the end if it is empty. Yields the descriptor that holds it: a child that
    inherits it holds it, too.

    while_waiting: called ten times a second while another one holds it; may raise.
    Raises ImpastoError if the folder cannot be used.
    """
    folder = data_dir()
    descriptor = _locked(folder, while_waiting)
    try:
        yield descriptor
    finally:
        with suppress(OSError):
            folder.rmdir()
        os.close(descriptor)


def _locked(folder: Path, while_waiting: Callable[[], object]) -> int:
    """Returns the descriptor of the folder, locked, once no other process holds it."""
    import fcntl  # Windows has none

    while True:
        descriptor = _opened(folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(folder, descriptor):
                return descriptor
        except BlockingIOError:
            try:
                while_waiting()
            except BaseException:
                os.close(descriptor)
                raise
            time.sleep(_POLL_S)
        os.close(descriptor)  # held by another, or removed meanwhile


def _opened(folder: Path) -> int:
    for _ in range(100):  # it may be removed between the two
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ImpastoError(
                sentence("data-folder-unusable", folder=folder, errno=reason_of(error))
            ) from error
    raise ImpastoError(sentence("data-folder-unusable", folder=folder, errno=errno.ENOENT))


def _is_at(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
