"""The port of the daemon on loopback TCP: programs with its secret, and strangers."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.server.patience import eventually
from impasto_daemon.server.front import local_clients
from impasto_daemon.server.front.delivery import Received
from impasto_daemon.server.front.local_clients import LocalClients
from impasto_daemon.system.polling import SelectEpoll, new_epoll
from impasto_shared.connection.local_socket import LocalSocket
from impasto_shared.connection.loopback import HOST, LoopbackAddress
from impasto_shared.connection.proof import SECRET_BYTES

LIMIT = 8
NEVER = float("inf")


@pytest.fixture(params=[new_epoll, SelectEpoll], ids=["epoll", "select"])
def clients(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LocalClients:
    monkeypatch.setattr(local_clients, "new_epoll", request.param)
    return LocalClients(LIMIT)


@pytest.fixture
def address(clients: LocalClients) -> Iterator[LoopbackAddress]:
    """The port and the secret of the clients, which are served until the end of the test."""
    listener = socket.create_server((HOST, 0))
    address = LoopbackAddress(listener.getsockname()[1], secrets.token_bytes(SECRET_BYTES), 1)
    clients.serve("loopback:///here", listener, address.secret)
    yield address
    clients.close(0)


def program(on: ExitStack, address: LoopbackAddress) -> LocalSocket:
    """Opens a connection of a program that knows the secret."""
    connection = LocalSocket(Path("here"), address)
    on.callback(connection.close, 0)
    return connection


def stranger(on: ExitStack, address: LoopbackAddress) -> socket.socket:
    return on.enter_context(socket.create_connection((HOST, address.port)))


def message_of(clients: LocalClients, connection: LocalSocket, text: bytes) -> Received:
    """Sends a message of a program, and returns it as it is received."""
    assert connection.send([text])
    received = eventually(lambda: clients.receive() or connection.wait(0))
    assert isinstance(received, Received)
    assert bytes(received.frames[0]) == text
    return received


def is_closed(connection: socket.socket) -> bool:
    try:
        while connection.recv(4096, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    return True


def test_strangers_displace_no_program(
    clients: LocalClients, address: LoopbackAddress, on: ExitStack
) -> None:
    honest = program(on, address)
    before = message_of(clients, honest, b"before")

    strangers = [stranger(on, address) for _ in range(3 * LIMIT)]
    eventually(lambda: clients.receive() or all(map(is_closed, strangers[: 2 * LIMIT + 1])))

    assert message_of(clients, honest, b"after").address == before.address
    assert not is_closed(strangers[-1])


def test_silent_stranger_is_cut_off_in_time(
    clients: LocalClients,
    address: LoopbackAddress,
    on: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(local_clients, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    silent = stranger(on, address)
    eventually(lambda: clients.receive() or clients.timeout_ms < NEVER)

    now_s[0] += 4
    assert clients.timeout_ms == 1000
    clients.receive()
    assert not is_closed(silent)

    now_s[0] += 1
    assert clients.timeout_ms == 0
    clients.receive()
    assert is_closed(silent)
    assert clients.timeout_ms == NEVER


def test_short_parts_are_sent_at_once(
    clients: LocalClients, address: LoopbackAddress, on: ExitStack
) -> None:
    message_of(clients, program(on, address), b"hello")

    (connection,) = clients._connections.values()
    assert connection.plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
