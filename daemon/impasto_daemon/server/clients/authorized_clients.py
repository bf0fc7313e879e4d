"""The clients on other machines that a daemon authorises: a file of names and public keys.

One line each, "KEY NAME". It is read at every connection, so that a change takes effect at once.
Changes take turns by a lock: of two at the same time, none is lost. While the file is damaged, or
cannot be read, the clients that were authorised before remain so, and no other one is.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto_daemon.system.host import wait_for_lock
from impasto_shared.connection.keys import keys_dir
from impasto_shared.errors import ImpastoError
from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.files.open_flags import NOFOLLOW, PLAIN
from impasto_shared.files.paths import make_private
from impasto_shared.files.small_file import read_small_file

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[\w.@-]{1,100}")
_KEY = re.compile(r"[0-9a-f]{64}")


class InvalidKey(ImpastoError):
    """A name or a key is malformed, exists already, or does not exist."""


class AuthorizedClients:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = {}
        self._problem = ""

    @classmethod
    def of_user(cls) -> AuthorizedClients:
        """Returns the clients that this user's daemon authorises."""
        return cls(keys_dir() / "known_clients")

    def read(self) -> dict[str, str]:
        """Returns names by public key; raises InvalidKey if a line is damaged."""
        try:
            lines = read_small_file(self._path).decode(errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        names = {}
        for number, line in enumerate(lines, start=1):
            key, _, name = line.partition(" ")
            if not (_KEY.fullmatch(key) and _NAME.fullmatch(name)):
                raise InvalidKey(
                    f"{self._path}, line {number} is not a key followed by a name. Remove it."
                )
            names[key] = name
        return names

    @property
    def known(self) -> dict[str, str]:
        """The names by public key, as they are now or were when the file could last be read."""
        try:
            self._known, problem = self.read(), ""
        except (OSError, InvalidKey) as error:
            problem = str(error)
        if problem and problem != self._problem:
            logger.error(
                "the authorised clients cannot be read: those known before remain, and new ones "
                "are refused. %s",
                problem,
            )
        self._problem = problem
        return self._known

    def add(self, name: str, key: str) -> None:
        """Authorises a client from now on; raises InvalidKey."""
        if not _NAME.fullmatch(name):
            raise InvalidKey(f"A name has 1 to 100 letters, digits or ._@-; got {name!r}.")
        if not _KEY.fullmatch(key):
            raise InvalidKey(
                "A key has 64 hexadecimal digits, as impasto keys shows it on the client's "
                f"machine; got {key!r}."
            )
        with self._locked():
            names = self.read()
            self._check_new(names, name, key)
            self._write({**names, key: name})

    def remove(self, name: str) -> None:
        """Revokes a client's access; raises InvalidKey if no client has that name."""
        with self._locked():
            names = self.read()
            if name not in names.values():
                raise InvalidKey(f"No client is called {name}. To see the names: impasto keys")
            self._write({key: other for key, other in names.items() if other != name})

    @staticmethod
    def _check_new(names: dict[str, str], name: str, key: str) -> None:
        """Raises InvalidKey if the key or the name is in the list already."""
        if key in names:
            raise InvalidKey(
                f"A client with this key exists already: {names[key]}. To give it another name, "
                f"remove it first: impasto keys remove {names[key]}"
            )
        if name in names.values():
            raise InvalidKey(
                f"A client with this name exists already: {name}. Choose another name, or remove "
                f"it first: impasto keys remove {name}"
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keeps other processes from changing the file between our reading and our writing."""
        make_private(self._path.parent)
        flags = os.O_RDWR | os.O_CREAT | NOFOLLOW | PLAIN
        # A file of its own: the list is replaced, and NFS locks no folders.
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), flags, 0o600)
        try:
            wait_for_lock(lock)
            yield
        finally:
            os.close(lock)

    def _write(self, names: dict[str, str]) -> None:
        lines = "".join(f"{key} {name}\n" for key, name in names.items())
        write_atomically(self._path, lines.encode(), mode=0o600)
