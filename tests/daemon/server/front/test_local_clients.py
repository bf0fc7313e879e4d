"""The Unix socket of the daemon, with libzmq and with bare sockets at the other ends."""

from __future__ import annotations

import errno
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import zmq

from daemon.server.patience import PATIENCE_S, eventually
from impasto_daemon.server.front import local_clients
from impasto_daemon.server.front.delivery import (
    FRAMES_IN_EXCESS,
    QUEUED_BYTES,
    QUEUED_MESSAGES,
    Delivery,
    Received,
)
from impasto_daemon.server.front.local_clients import LocalClients
from impasto_daemon.server.process.endpoint import listening_unix_socket
from impasto_daemon.system.polling import SelectEpoll, new_epoll
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES
from shared.connection.zmtp_peer import command, greeting, message, ready

LIMIT, MEGABYTE = 8, 2**20
UNFINISHED_BYTES = 30 * MEGABYTE

Served = Callable[[], LocalClients]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


@pytest.fixture(params=[new_epoll, SelectEpoll], ids=["epoll", "select"])
def clients(
    path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalClients]:
    monkeypatch.setattr(local_clients, "new_epoll", request.param)
    clients = LocalClients(LIMIT, UNFINISHED_BYTES)
    clients.serve(f"ipc://{path}", listening_unix_socket(path))
    yield clients
    clients.close(0)


def dealer(on: ExitStack, path: Path) -> zmq.Socket[bytes]:
    """Opens a connection by libzmq."""
    connection = on.enter_context(zmq.Context.instance().socket(zmq.DEALER))
    connection.setsockopt(zmq.LINGER, 0)
    connection.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
    connection.connect(f"ipc://{path}")
    return connection


def bare(on: ExitStack, path: Path) -> socket.socket:
    """Opens a connection without ZeroMQ, whose handshake is sent."""
    connection = on.enter_context(socket.socket(socket.AF_UNIX))
    connection.connect(str(path))
    connection.sendall(greeting() + ready(b"DEALER"))
    return connection


def next_message(clients: LocalClients) -> Received:
    received = eventually(clients.receive)
    assert isinstance(received, Received)
    return received


def send_all(clients: LocalClients, connection: socket.socket, data: bytes) -> bool:
    """Sends data while the clients are served; returns whether the connection took all of it."""
    rest = memoryview(data)
    while rest:
        select.select([], [connection], [], 0.01)
        try:
            rest = rest[connection.send(rest, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        clients.receive()
    return True


def is_closed(connection: socket.socket) -> bool:
    """Returns whether the other end has closed a connection, after what it has sent."""
    try:
        while connection.recv(2**16, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_message_has_the_address_for_its_reply(
    clients: LocalClients, path: Path, on: ExitStack
) -> None:
    for count, picture in ((1, b"a"), (2, os.urandom(3 * MEGABYTE)), (3, os.urandom(300))):
        client = dealer(on, path)
        client.send_multipart([b"header", picture, b""])
        received = next_message(clients)
        assert [bytes(frame) for frame in received.frames] == [b"header", picture, b""]
        assert received.user == ""
        assert clients.send(received.address, [b"reply", picture]) is Delivery.SENT
        while not client.poll(10):
            assert clients.receive() is None
        assert client.recv_multipart() == [b"reply", picture]
        assert len({each.address for each in clients._connections.values()}) == count


def test_clients_take_turns(clients: LocalClients, path: Path, on: ExitStack) -> None:
    greedy, modest = bare(on, path), bare(on, path)
    greedy.sendall(message(b"greedy") * 1000)
    modest.sendall(message(b"modest"))

    order = [bytes(next_message(clients).frames[0]) for _ in range(4)]

    assert b"modest" in order


def test_longest_message_arrives_and_a_longer_one_is_cut(
    clients: LocalClients, path: Path, on: ExitStack
) -> None:
    client = dealer(on, path)
    for count in (MAX_FRAMES, 2 * MAX_FRAMES):
        client.send_multipart([b"x"] * count)

    assert [len(next_message(clients).frames) for _ in range(2)] == [MAX_FRAMES, MAX_FRAMES + 1]


def test_client_with_too_many_frames_is_cut_off_at_once(
    clients: LocalClients, path: Path, on: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    hostile, honest = bare(on, path), bare(on, path)
    endless = b"\1\0" * (MAX_FRAMES + FRAMES_IN_EXCESS + 1)  # and its end is not awaited

    send_all(clients, hostile, endless)

    eventually(lambda: clients.receive() or is_closed(hostile))
    limit = MAX_FRAMES + FRAMES_IN_EXCESS
    assert f"is cut off. It sends a message of more than {limit} frames" in caplog.text
    honest.sendall(message(b"x"))
    assert len(next_message(clients).frames) == 1


@pytest.mark.parametrize(
    "stream",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        greeting(b"\x02\x00"),
        greeting(mechanism=b"CURVE"),
        greeting() + ready(b"PUB"),
        greeting() + ready(b"DEALER") + b"\x02" + (MAX_FRAME_BYTES + 1).to_bytes(8),
        greeting() + b"\x06" + (2**62).to_bytes(8),
    ],
)
def test_what_no_client_sends_costs_its_connection_alone(
    clients: LocalClients, path: Path, on: ExitStack, stream: bytes
) -> None:
    hostile = on.enter_context(socket.socket(socket.AF_UNIX))
    hostile.connect(str(path))
    hostile.sendall(stream)
    honest = dealer(on, path)
    honest.send(b"x")

    assert bytes(next_message(clients).frames[0]) == b"x"
    eventually(lambda: clients.receive() or is_closed(hostile))


def test_messages_before_the_end_of_a_connection_are_received(
    clients: LocalClients, path: Path, on: ExitStack
) -> None:
    with bare(on, path) as client:
        client.sendall(message(b"a") + message(b"b"))
    with bare(on, path) as client:
        client.sendall(message(b"c") + b"\xff")

    received = [next_message(clients) for _ in range(3)]

    assert sorted(bytes(each.frames[0]) for each in received) == [b"a", b"b", b"c"]
    eventually(
        lambda: (
            clients.receive()
            or all(clients.send(each.address, [b""]) is Delivery.DISCONNECTED for each in received)
        )
    )


def test_full_queue_refuses_and_a_closed_connection_is_known(
    clients: LocalClients, path: Path, on: ExitStack
) -> None:
    client = bare(on, path)
    client.sendall(message(b"x"))
    address = next_message(clients).address
    outcomes = [clients.send(address, [bytes(MEGABYTE)]) for _ in range(QUEUED_MESSAGES)]
    assert (outcomes[0], outcomes[-1]) == (Delivery.SENT, Delivery.REFUSED)

    client.close()
    eventually(lambda: clients.receive() or not clients._connections)
    assert clients.send(address, [b""]) is Delivery.DISCONNECTED
    assert clients.send(b"unheard of", [b""]) is Delivery.DISCONNECTED


def test_picture_that_is_sent_is_kept_until_then_and_no_longer(
    clients: LocalClients, path: Path, on: ExitStack
) -> None:
    client = bare(on, path)
    client.sendall(message(b"x"))
    address = next_message(clients).address
    picture = memoryview(bytearray(20 * MEGABYTE))
    waiting = weakref.ref(picture)
    clients.send(address, [b"header", picture])
    del picture
    assert waiting() is not None

    rest = 20 * MEGABYTE
    while rest > 0:
        clients.receive()
        rest -= len(client.recv(MEGABYTE))
        assert rest <= 0 or waiting() is not None

    assert waiting() is None


def test_program_with_the_most_connections_loses_its_oldest(
    clients: LocalClients, path: Path, on: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    program = f"""
import socket, time
plain = socket.socket(socket.AF_UNIX)
plain.connect({str(path)!r})
print("connected", flush=True)
plain.recv(100_000)
time.sleep(600)
"""
    command_ = [sys.executable, "-c", program]
    with subprocess.Popen(command_, stdout=subprocess.PIPE) as other, ExitStack() as at_end:
        at_end.callback(other.kill)
        assert other.stdout is not None
        assert other.stdout.readline() == b"connected\n"
        eventually(lambda: clients.receive() or len(clients._connections) == 1)
        hostile = [bare(on, path) for _ in range(3 * LIMIT)]
        eventually(lambda: clients.receive() or all(map(is_closed, hostile[: 2 * LIMIT + 1])))

        assert len(clients._connections) == LIMIT
        assert other.pid in {each.pid for each in clients._connections.values()}
        assert f"program {os.getpid()} has {LIMIT} connections" in caplog.text
        hostile[-1].sendall(message(b"still served"))
        assert bytes(next_message(clients).frames[0]) == b"still served"


def test_connection_that_sends_messages_outlasts_idle_ones(
    clients: LocalClients, path: Path, on: ExitStack
) -> None:
    honest = bare(on, path)
    honest.sendall(message(b"x"))
    address = next_message(clients).address
    for _ in range(3 * LIMIT):
        bare(on, path)
        honest.sendall(message(b"x"))
        assert next_message(clients).address == address


def test_used_up_descriptors_cost_no_connection_and_service_goes_on(
    clients: LocalClients, path: Path, on: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bare(on, path)
    eventually(lambda: clients.receive() or clients._connections)
    failures = [24, 24, 23, 12, 105]

    def refuse_at_first(listener: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise OSError(failures.pop(), "Too many open files")
        return accept(listener)

    accept = socket.socket.accept
    monkeypatch.setattr(socket.socket, "accept", refuse_at_first)
    second = dealer(on, path)
    second.send(b"x")

    assert bytes(next_message(clients).frames[0]) == b"x"
    assert not failures
    first.sendall(message(b"y"))
    assert bytes(next_message(clients).frames[0]) == b"y"


def test_listening_goes_on_although_it_could_not_be_resumed_at_first(
    clients: LocalClients, path: Path, on: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [OSError(24, "Too many open files")]
    accept, register = socket.socket.accept, clients._epoll.register
    failures = [OSError(12, "Cannot allocate memory")] * 2

    class Epoll:
        def __getattr__(self, name: str) -> object:
            return getattr(epoll, name)

        def register(self, descriptor: int, events: int) -> None:
            if not refusals and failures:
                raise failures.pop()
            register(descriptor, events)

    def refuse_at_first(listener: socket.socket) -> tuple[socket.socket, object]:
        if refusals:
            raise refusals.pop()
        return accept(listener)

    epoll = clients._epoll
    monkeypatch.setattr(clients, "_epoll", Epoll())
    monkeypatch.setattr(socket.socket, "accept", refuse_at_first)
    dealer(on, path).send(b"x")

    def receive() -> Received | None:
        with suppress(OSError):  # which costs one step of the server's loop
            return clients.receive()
        return None

    assert bytes(eventually(receive).frames[0]) == b"x"
    assert not failures


@pytest.mark.parametrize("code", [errno.ENOMEM, errno.ENOBUFS])
def test_want_of_memory_delays_a_message_and_costs_no_connection(
    clients: LocalClients,
    path: Path,
    on: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    client = dealer(on, path)
    client.send(b"x")
    address = next_message(clients).address
    refusals = []
    for name in ("recv_into", "sendmsg"):
        real, left = getattr(socket.socket, name), [OSError(code, "no room")] * 2
        refusals.append(left)

        def refuse(*args: Any, _real: Any = real, _left: list[OSError] = left) -> int:
            if _left:
                raise _left.pop()
            return int(_real(*args))

        monkeypatch.setattr(socket.socket, name, refuse)
    assert clients.send(address, [b"answer"]) is Delivery.SENT
    client.send(b"y")
    next_message(clients)

    eventually(lambda: (clients.receive(), client.poll(0))[1])
    assert client.recv() == b"answer"
    assert refusals == [[], []]


def test_connection_that_cannot_be_told_to_go_on_is_closed(
    clients: LocalClients, path: Path, on: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bare(on, path)
    client.sendall(message(b"x"))
    address = next_message(clients).address

    class Epoll:
        def __getattr__(self, name: str) -> object:
            return getattr(epoll, name)

        def modify(self, *_: object) -> None:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")

    epoll = clients._epoll
    monkeypatch.setattr(clients, "_epoll", Epoll())

    assert clients.send(address, [bytes(2**25)]) is Delivery.DISCONNECTED
    client.settimeout(PATIENCE_S)
    while client.recv(2**20):
        pass


def test_pictures_for_a_client_that_does_not_read_are_limited_by_their_bytes(
    clients: LocalClients, path: Path, on: ExitStack
) -> None:
    client = bare(on, path)
    client.sendall(message(b"x"))
    address = next_message(clients).address
    picture = bytes(QUEUED_BYTES // 4)
    outcomes = [clients.send(address, [picture]) for _ in range(10)]

    assert outcomes[:4] == [Delivery.SENT] * 4
    assert outcomes[-1] is Delivery.REFUSED
    assert clients._by_address[address].zmtp.unsent_bytes <= QUEUED_BYTES + 2 * len(picture)
    huge = bare(on, path)
    huge.sendall(message(b"x"))
    address = next_message(clients).address
    assert clients.send(address, [bytes(4 * QUEUED_BYTES)]) is Delivery.SENT  # by itself, it may


@pytest.mark.parametrize("is_one", [True, False])
def test_longest_unfinished_message_is_not_waited_for_if_memory_is_short(
    clients: LocalClients, path: Path, on: ExitStack, *, is_one: bool
) -> None:
    size = (40 if is_one else 16) * MEGABYTE
    frame = b"\x03" + size.to_bytes(8) + bytes(size - 1)
    small = bare(on, path)
    assert send_all(clients, small, b"\x03" + size.to_bytes(8) + bytes(2 * MEGABYTE))
    hostile = [bare(on, path) for _ in range(1 if is_one else 2)]

    are_sent = [send_all(clients, each, frame) for each in hostile]

    eventually(lambda: clients.receive() or any(map(is_closed, hostile)))
    assert not all(are_sent) or any(map(is_closed, hostile))
    assert not is_closed(small)
    assert sum(each.zmtp.unfinished_bytes for each in clients._connections.values()) <= (
        UNFINISHED_BYTES
    )


def test_closed_connections_leave_no_memory(clients: LocalClients, path: Path) -> None:
    gone = []
    gc.disable()  # it would find them later
    for number in range(20):
        with ExitStack() as on:
            client = bare(on, path)
            client.sendall(message(b"x") + b"\3" + MEGABYTE.to_bytes(8) + bytes(number))
            next_message(clients)
            gone += [weakref.ref(each.zmtp) for each in clients._connections.values()]
        eventually(lambda: clients.receive() or not clients._connections)
    gc.enable()

    assert not [each for each in gone if each() is not None]


def test_ping_is_answered(clients: LocalClients, path: Path, on: ExitStack) -> None:
    client = bare(on, path)
    client.sendall(command(b"PING", b"\0\0context") + message(b"x"))
    next_message(clients)

    answer = b""
    while not answer.endswith(command(b"PONG", b"context")):
        answer += client.recv(1000)


def test_new_socket_takes_the_place_of_a_removed_one(
    clients: LocalClients, path: Path, on: ExitStack
) -> None:
    first = dealer(on, path)
    first.send(b"x")
    next_message(clients)
    path.unlink()

    clients.serve(f"ipc://{path}", listening_unix_socket(path))

    for client in (first, dealer(on, path)):
        client.send(b"y")
        received = next_message(clients)
        assert clients.send(received.address, [b"z"]) is Delivery.SENT
        assert client.recv() == b"z"


def test_programs_are_served_at_each_endpoint(
    clients: LocalClients, path: Path, on: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = path.with_name("another")
    clients.serve(f"ipc://{another}", listening_unix_socket(another))
    real_accept = socket.socket.accept
    refusals = [0]

    def accept(listener: socket.socket) -> object:
        if refusals[0]:
            refusals[0] -= 1
            raise OSError(errno.EMFILE, "no descriptor")
        return real_accept(listener)

    monkeypatch.setattr(socket.socket, "accept", accept)
    for refusals[0] in (0, 1):
        for each in (path, another, path):
            client = dealer(on, each)
            client.send(b"x")
            received = next_message(clients)
            assert clients.send(received.address, [b"y"]) is Delivery.SENT
            assert client.recv() == b"y"


def test_last_messages_are_sent_before_the_end(path: Path, on: ExitStack) -> None:
    clients = LocalClients()
    clients.serve(f"ipc://{path}", listening_unix_socket(path))
    stopped = bare(on, path)  # it does not read, and is not waited for
    stopped.sendall(message(b"x"))
    clients.send(next_message(clients).address, [bytes(20 * MEGABYTE)])
    client = dealer(on, path)
    client.send(b"x")
    clients.send(next_message(clients).address, [b"farewell", bytes(MEGABYTE)])

    clients.close(0.5)

    assert client.recv_multipart() == [b"farewell", bytes(MEGABYTE)]


def test_addresses_differ_from_start_to_start(path: Path, on: ExitStack) -> None:
    addresses = set()
    for _ in range(2):
        clients = LocalClients()
        clients.serve(f"ipc://{path}", listening_unix_socket(path))
        dealer(on, path).send(b"x")
        addresses.add(next_message(clients).address)
        clients.close(0)
        path.unlink()

    assert len(addresses) == 2


def test_client_that_is_killed_is_missed(clients: LocalClients, path: Path) -> None:
    program = f"""
import time, zmq
client = zmq.Context.instance().socket(zmq.DEALER)
client.connect("ipc://{path}")
client.send(b"x")
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program]) as client, ExitStack() as at_end:
        at_end.callback(client.kill)
        address = next_message(clients).address
        assert clients.send(address, [b"y"]) is Delivery.SENT
        client.send_signal(signal.SIGKILL)
        client.wait()

        eventually(
            lambda: clients.receive() or clients.send(address, [b"y"]) is Delivery.DISCONNECTED
        )
