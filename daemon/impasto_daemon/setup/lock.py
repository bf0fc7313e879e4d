"""The lock that lets one setup run at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup.failure import SetupFailed
from impasto_shared.files.paths import data_dir


@contextmanager
def only_setup() -> Iterator[None]:
    """Opens a context in which no other process of this user installs or removes anything.

    It holds the folder of Impasto's data itself, so that a killed process leaves nothing locked,
    and removes it at the end if it is empty.
    """
    folder = data_dir()
    descriptor = _locked(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()
        os.close(descriptor)


def _locked(folder: Path) -> int:
    """Returns the descriptor of the folder, locked, once no other process holds it."""
    has_told = False
    while True:
        descriptor = _opened(folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not has_told:
                say("Another installation of Impasto is in progress; waiting for its end")
            has_told = True
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(folder, descriptor):
            return descriptor
        os.close(descriptor)  # it was removed meanwhile


def _opened(folder: Path) -> int:
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # removed between the two
            if folder.is_symlink():
                raise SetupFailed(f"{folder} is a broken link. Remove it, and try again.") from None
        except OSError as error:
            raise SetupFailed(f"{folder} cannot be used: {error.strerror}.") from error


def _is_at(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
