"""The users of other machines, who are served as long as their keys are authorised."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from impasto_daemon.server.clients.authorized_clients import AuthorizedClients

CHECK_S = 1.0
"""The interval at which the authorised keys are read again."""


class AuthorizedUsers:
    """The keys in `authorized`, as they were a moment ago. `clock` is in seconds."""

    def __init__(
        self, authorized: AuthorizedClients, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._authorized = authorized
        self._clock = clock
        self._users = set(self._authorized.known)
        self._read_s = clock()

    def accepts(self, user: str) -> bool:
        """Returns whether a key is still authorised."""
        if user not in self._users:  # authorised since, or no longer
            self._users = set(self._authorized.known)
        return user in self._users

    def removed(self, users: Collection[str]) -> list[str]:
        """Returns those of `users` who are no longer authorised, if it is time to look."""
        if self._clock() - self._read_s < CHECK_S:
            return []
        self._read_s = self._clock()
        self._users = set(self._authorized.known)
        return [user for user in users if user not in self._users]
