"""Connections of other machines, here real ones of TCP without ZeroMQ."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.front.client_socket import Received
from impasto_daemon.server.front.remote_connections import CHECK_S, RemoteConnections

LAPTOP, STUDIO = "1" * 64, "2" * 64


class Network:
    """Connections to a listening socket."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Returns a client's end and the front's."""
        client = self._stack.enter_context(socket.create_connection(self._listener.getsockname()))
        client.settimeout(10)
        return client, self._stack.enter_context(self._listener.accept()[0])


@pytest.fixture
def network() -> Iterator[Network]:
    with ExitStack() as stack:
        yield Network(stack)


@pytest.fixture
def authorized(tmp_path: Path) -> AuthorizedClients:
    clients = AuthorizedClients(tmp_path / "known_clients")
    clients.add("laptop", LAPTOP)
    clients.add("studio", STUDIO)
    return clients


@pytest.fixture
def connections(authorized: AuthorizedClients, clock: FakeClock) -> RemoteConnections:
    return RemoteConnections(authorized, clock)


def message(user: str, connection: socket.socket) -> Received:
    return Received(b"address " + user.encode(), [b"x"], user, connection.fileno())


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True


def test_connection_of_a_removed_key_is_closed_and_no_other(
    connections: RemoteConnections,
    authorized: AuthorizedClients,
    network: Network,
    clock: FakeClock,
) -> None:
    ends = {user: network.connect() for user in (LAPTOP, STUDIO)}
    assert all(connections.accepts(message(user, front)) for user, (_, front) in ends.items())

    authorized.remove("laptop")
    connections.check()
    assert is_open(ends[LAPTOP][0])
    clock.now_s += CHECK_S
    connections.check()

    assert {user: is_open(client) for user, (client, _) in ends.items()} == {
        LAPTOP: False,
        STUDIO: True,
    }


def test_client_that_was_silent_until_its_key_was_removed_is_cut_off_by_its_first_message(
    connections: RemoteConnections,
    authorized: AuthorizedClients,
    network: Network,
    clock: FakeClock,
) -> None:
    client, front = network.connect()
    authorized.remove("laptop")
    clock.now_s += CHECK_S
    connections.check()
    assert is_open(client)

    assert not connections.accepts(message(LAPTOP, front))
    assert not is_open(client)


def test_key_that_was_just_added_is_accepted(
    connections: RemoteConnections, authorized: AuthorizedClients, network: Network
) -> None:
    desk = "3" * 64
    authorized.add("desk", desk)

    client, front = network.connect()
    assert connections.accepts(message(desk, front))
    assert is_open(client)


def test_descriptor_that_another_client_has_now_is_left_alone(
    connections: RemoteConnections,
    authorized: AuthorizedClients,
    network: Network,
    clock: FakeClock,
) -> None:
    _, front = network.connect()
    connections.accepts(message(LAPTOP, front))
    client, other = network.connect()
    os.dup2(other.fileno(), front.fileno())

    authorized.remove("laptop")
    clock.now_s += CHECK_S
    connections.check()

    assert is_open(client)


def test_message_of_a_closed_connection_cuts_off_no_other_client(
    connections: RemoteConnections,
    authorized: AuthorizedClients,
    network: Network,
    clock: FakeClock,
) -> None:
    _, front = network.connect()
    late = message(LAPTOP, front)
    client, other = network.connect()
    os.dup2(other.fileno(), front.fileno())  # libzmq's next connection has the number
    assert connections.accepts(message(STUDIO, front))
    assert connections.accepts(late)
    assert connections.accepts(message(STUDIO, front))

    authorized.remove("laptop")
    clock.now_s += CHECK_S
    connections.check()

    assert is_open(client)


@pytest.mark.parametrize("contents", [b"nonsense\n", b"\xff\n"])
def test_damaged_file_closes_no_connection_of_a_client_that_was_known(
    connections: RemoteConnections,
    network: Network,
    clock: FakeClock,
    tmp_path: Path,
    contents: bytes,
) -> None:
    client, front = network.connect()
    stranger, other = network.connect()
    (tmp_path / "known_clients").write_bytes(contents)
    assert connections.accepts(message(LAPTOP, front))
    assert not connections.accepts(message("3" * 64, other))
    clock.now_s += CHECK_S
    connections.check()

    assert (is_open(client), is_open(stranger)) == (True, False)
