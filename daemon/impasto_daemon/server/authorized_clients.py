"""The clients on other machines that a daemon lets in: a file of names and public keys.

One line each, "KEY NAME". It is read again whenever somebody wants in, so that a change holds at
once.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from impasto_shared.errors import ImpastoError
from impasto_shared.keys import keys_dir
from impasto_shared.paths import make_private

_NAME = re.compile(r"[\w.@-]{1,100}")
_KEY = re.compile(r"[0-9a-f]{64}")


class InvalidKey(ImpastoError):
    """A name or a key is not one, or is there already, or is not there."""


class AuthorizedClients:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of_user(cls) -> AuthorizedClients:
        """The clients that this user's daemon authorises."""
        return cls(keys_dir() / "known_clients")

    def read(self) -> dict[str, str]:
        """Names by public key; raises InvalidKey where a line is damaged."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        known = {}
        for number, line in enumerate(lines, start=1):
            key, _, name = line.partition(" ")
            if not (_KEY.fullmatch(key) and _NAME.fullmatch(name)):
                raise InvalidKey(f"{self._path}, line {number} is no key with a name. Remove it.")
            known[key] = name
        return known

    def add(self, name: str, key: str) -> None:
        """Lets a client in from now on; raises InvalidKey."""
        if not _NAME.fullmatch(name):
            raise InvalidKey(f"A name has 1 to 100 letters, digits or ._@-; got {name!r}.")
        if not _KEY.fullmatch(key):
            raise InvalidKey(
                "A key has 64 hexadecimal digits, as impasto keys shows it on the client's "
                f"machine; got {key!r}."
            )
        known = self.read()
        if name in known.values() or key in known:
            raise InvalidKey(f"There is one with this name or key: {known.get(key, name)}.")
        self._write({**known, key: name})

    def remove(self, name: str) -> None:
        """Lets a client in no more; raises InvalidKey where there is none of that name."""
        known = self.read()
        if name not in known.values():
            raise InvalidKey(f"No client is called {name}. See: impasto keys")
        self._write({key: other for key, other in known.items() if other != name})

    def _write(self, known: dict[str, str]) -> None:
        make_private(self._path.parent)
        draft = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{key} {name}\n" for key, name in known.items())
        draft.replace(self._path)
