from __future__ import annotations

from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.front.authorized_users import CHECK_S, AuthorizedUsers

LAPTOP, STUDIO, DESK = "1" * 64, "2" * 64, "3" * 64


@pytest.fixture
def authorized(tmp_path: Path) -> AuthorizedClients:
    clients = AuthorizedClients(tmp_path / "known_clients")
    clients.add("laptop", LAPTOP)
    clients.add("studio", STUDIO)
    return clients


@pytest.fixture
def users(authorized: AuthorizedClients, clock: FakeClock) -> AuthorizedUsers:
    return AuthorizedUsers(authorized, clock)


def test_removed_key_is_named_and_no_other(
    users: AuthorizedUsers, authorized: AuthorizedClients, clock: FakeClock
) -> None:
    authorized.remove("laptop")
    assert users.removed([LAPTOP, STUDIO]) == []  # it is not yet time to look

    clock.now_s += CHECK_S
    assert users.removed([LAPTOP, STUDIO]) == [LAPTOP]
    assert (users.accepts(LAPTOP), users.accepts(STUDIO)) == (False, True)


def test_key_that_was_just_added_is_accepted(
    users: AuthorizedUsers, authorized: AuthorizedClients
) -> None:
    assert not users.accepts(DESK)
    authorized.add("desk", DESK)
    assert users.accepts(DESK)


@pytest.mark.parametrize("contents", [b"nonsense\n", b"\xff\n"])
def test_damaged_file_removes_no_key_and_adds_none(
    users: AuthorizedUsers, clock: FakeClock, tmp_path: Path, contents: bytes
) -> None:
    (tmp_path / "known_clients").write_bytes(contents)
    clock.now_s += CHECK_S

    assert users.removed([LAPTOP, DESK]) == [DESK]
    assert (users.accepts(LAPTOP), users.accepts(DESK)) == (True, False)
