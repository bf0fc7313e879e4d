"""Clients on TCP, with libzmq and with bare sockets at the other ends."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from daemon.server.fake_clock import FakeClock
from daemon.server.patience import PATIENCE_S, eventually
from impasto_daemon.server.clients import authentication
from impasto_daemon.server.clients.authentication import HANDSHAKE_MS, Authenticator
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.front import remote_clients as module
from impasto_daemon.server.front.delivery import (
    FRAMES_IN_EXCESS,
    QUEUED_MESSAGES,
    Delivery,
    Received,
)
from impasto_daemon.server.front.remote_clients import (
    CHECK_S,
    MAX_CONNECTIONS_OF_A_KEY,
    STARVED_S,
    RemoteClients,
)
from impasto_shared.connection.keys import KeyPair
from impasto_shared.protocol.codec import MAX_FRAMES
from integration.hostile_clients import LONG_AND_MORE, greeting, ready

MEGABYTE = 2**20
LIMIT_BYTES = 2**50


class Service:
    """Clients with their authenticator, served by each look at them."""

    def __init__(self, folder: Path, *, is_encrypted: bool) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.authorized = AuthorizedClients(folder / "known_clients")
        self.keys = KeyPair(*map(_decoded, zmq.curve_keypair())) if is_encrypted else None
        self.authenticator = Authenticator(self.authorized, self.keys)
        self.clock = FakeClock()
        self.memory_bytes = 0
        self.is_closed = False
        self.clients = RemoteClients(
            self.listener,
            self.authenticator.require,
            LIMIT_BYTES,
            is_encrypted=is_encrypted,
            memory=lambda: self.memory_bytes,
            clock=self.clock,
        )

    def serve(self) -> None:
        self.authenticator.answer_requests()
        self.clients.work()

    def receive(self) -> Received | None:
        self.serve()
        return self.clients.receive()

    def next_message(self) -> Received:
        received = eventually(self.receive)
        assert isinstance(received, Received)
        return received

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Serves until a condition is true."""

        def look() -> object:
            self.serve()
            return condition()

        eventually(look)

    def pass_time(self, seconds: float) -> None:
        """Lets time pass, in steps at which the clients are looked at."""
        end_s = self.clock.now_s + seconds
        while self.clock.now_s < end_s:
            self.clock.now_s += CHECK_S
            self.serve()

    def close(self, linger_s: float = 0) -> None:
        if not self.is_closed:
            self.authenticator.close()
            self.clients.close(linger_s)
        self.is_closed = True


def _decoded(key: bytes) -> bytes:
    return z85.decode(key)


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A context of the service's own: only one authenticator may be in it."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=4)
    monkeypatch.setattr(zmq.Context, "instance", lambda: context)
    yield context
    context.term()


@pytest.fixture
def service(tmp_path: Path, context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[Service]:
    assert zmq.Context.instance() is context
    service = Service(tmp_path, is_encrypted=False)
    yield service
    service.close()


@pytest.fixture
def encrypted(tmp_path: Path, context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[Service]:
    assert zmq.Context.instance() is context
    service = Service(tmp_path, is_encrypted=True)
    yield service
    service.close()


@pytest.fixture
def outside() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """The context of clients."""
    with zmq.Context() as context:
        yield context


@pytest.fixture
def on(outside: zmq.Context[zmq.Socket[bytes]]) -> Iterator[ExitStack]:
    """The sockets that are open until the end of a test."""
    del outside  # which ends after them
    with ExitStack() as stack:
        yield stack


def dealer(
    on: ExitStack,
    outside: zmq.Context[zmq.Socket[bytes]],
    service: Service,
    keys: KeyPair | None = None,
) -> zmq.Socket[bytes]:
    """Opens a connection by libzmq."""
    connection = on.enter_context(outside.socket(zmq.DEALER))
    connection.setsockopt(zmq.LINGER, 0)
    connection.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
    connection.setsockopt(zmq.SNDHWM, 0)
    if keys is not None:
        assert service.keys is not None
        connection.setsockopt(zmq.CURVE_SERVERKEY, service.keys.public)
        connection.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
        connection.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
    connection.connect(service.endpoint)
    return connection


def bare(on: ExitStack, service: Service, data: bytes) -> socket.socket:
    """Opens a connection without ZeroMQ, and sends bytes."""
    host, port = service.listener.getsockname()
    connection = on.enter_context(socket.create_connection((host, port)))
    connection.sendall(data)
    return connection


def admitted(on: ExitStack, service: Service) -> socket.socket:
    """Opens a connection without ZeroMQ whose handshake is over, so that messages may follow."""
    connection = bare(on, service, greeting() + ready())
    received = b""

    def is_answered() -> bool:
        nonlocal received
        with suppress(BlockingIOError):
            received += connection.recv(2**16, socket.MSG_DONTWAIT)
        return b"READY" in received

    service.wait_for(is_answered)
    return connection


def is_closed(service: Service, connection: socket.socket) -> bool:
    """Returns whether the other end has closed a connection, after what it has sent."""
    service.serve()
    try:
        while connection.recv(2**16, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def send_until_full(service: Service, connection: socket.socket, data: bytes) -> int:
    """Sends data until no more is taken, or the connection is cut off; returns how much was."""
    sent, stuck = 0, 0
    while stuck < 20:
        service.serve()
        try:
            sent += connection.send(data, socket.MSG_DONTWAIT)
            stuck = 0
        except BlockingIOError:
            stuck += 1
            time.sleep(0.01)
        except OSError:
            break
    return sent


def test_messages_pass_in_both_directions(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    for picture in (b"a", os.urandom(3 * MEGABYTE), b""):
        client = dealer(on, outside, service)
        client.send_multipart([b"header", picture, b""])
        received = service.next_message()
        assert [bytes(frame) for frame in received.frames] == [b"header", picture, b""]
        assert received.user == ""
        assert service.clients.send(received.address, [b"reply", picture]) is Delivery.SENT
        service.wait_for(partial(client.poll, 0))
        assert client.recv_multipart() == [b"reply", picture]
        service.clients.release(received.address)
    assert service.receive() is None


def test_client_is_known_by_its_key(
    encrypted: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    keys = KeyPair(*map(_decoded, zmq.curve_keypair()))
    encrypted.authorized.add("laptop", keys.public.hex())
    client = dealer(on, outside, encrypted, keys)
    client.send(b"x")

    received = encrypted.next_message()
    assert received.user == keys.public.hex()
    assert encrypted.clients.users == [received.user]
    assert encrypted.clients.send(received.address, [b"y"]) is Delivery.SENT
    encrypted.wait_for(lambda: client.poll(0))
    assert client.recv() == b"y"


def test_connections_of_a_removed_key_are_closed_and_no_other(
    encrypted: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    clients = {}
    for name in ("laptop", "studio"):
        keys = KeyPair(*map(_decoded, zmq.curve_keypair()))
        encrypted.authorized.add(name, keys.public.hex())
        connection = dealer(on, outside, encrypted, keys)
        connection.send(b"x")
        clients[name] = connection, encrypted.next_message()

    encrypted.clients.cut_off(clients["laptop"][1].user)
    assert encrypted.clients.users == [clients["studio"][1].user]
    outcomes = [
        encrypted.clients.send(received.address, [b"y"]) for _, received in clients.values()
    ]
    assert outcomes == [Delivery.DISCONNECTED, Delivery.SENT]


def test_longest_message_arrives_and_a_longer_one_is_cut(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    client = dealer(on, outside, service)
    for count in (MAX_FRAMES, 2 * MAX_FRAMES):
        client.send_multipart([b"x"] * count)

    lengths = [len(service.next_message().frames) for _ in range(2)]
    assert lengths == [MAX_FRAMES, MAX_FRAMES + 1]


def test_client_with_too_many_frames_is_cut_off_before_its_message_is_complete(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    honest = dealer(on, outside, service)
    honest.send(b"x")
    service.next_message()
    hostile = admitted(on, service)

    send_until_full(service, hostile, b"\x01\x00" * 2_000_000)
    assert service.clients.receive() is None
    assert not is_closed(service, hostile)
    service.pass_time(STARVED_S + 2 * CHECK_S)
    assert is_closed(service, hostile)
    honest.send(b"y")
    assert [bytes(frame) for frame in service.next_message().frames] == [b"y"]


def test_many_short_messages_at_once_are_no_long_one(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    client = dealer(on, outside, service)
    count = 3 * (MAX_FRAMES + FRAMES_IN_EXCESS)
    for number in range(count):
        client.send_multipart([b"x", str(number).encode()])

    for number in range(count):
        assert bytes(service.next_message().frames[1]) == str(number).encode()


@pytest.mark.parametrize("frames", [1, 20])
def test_message_that_is_never_completed_holds_up_no_other_client(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]], frames: int
) -> None:
    honest = dealer(on, outside, service)
    hostile = admitted(on, service)
    hostile.sendall(b"\x01\x01x" * frames)
    for number in range(10):
        honest.send(str(number).encode())
        received = service.next_message()
        assert [bytes(frame) for frame in received.frames] == [str(number).encode()]

    service.pass_time(60)
    assert not is_closed(service, hostile)
    hostile.sendall(b"\x00\x03end")
    assert len(service.next_message().frames) == frames + 1


def test_messages_of_a_closed_connection_still_arrive(service: Service, on: ExitStack) -> None:
    client = admitted(on, service)
    client.sendall(b"\x00\x01x\x00\x01y")
    client.close()

    contents = [bytes(service.next_message().frames[0]) for _ in range(2)]
    assert contents == [b"x", b"y"]


def test_full_queue_refuses_and_a_closed_connection_is_known(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    client = dealer(on, outside, service)
    client.setsockopt(zmq.RCVHWM, 1)
    client.send(b"x")
    address = service.next_message().address
    outcomes = []
    for _ in range(50 * QUEUED_MESSAGES):
        outcomes.append(service.clients.send(address, [bytes(MEGABYTE)]))
        service.serve()
    assert (outcomes[0], outcomes[-1]) == (Delivery.SENT, Delivery.REFUSED)

    client.close(linger=0)
    service.wait_for(lambda: service.clients.send(address, [b""]) is Delivery.DISCONNECTED)
    assert service.clients.send(b"unheard of", [b""]) is Delivery.DISCONNECTED


def test_nothing_is_received_after_a_long_message_until_it_is_released(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    client, other = dealer(on, outside, service), dealer(on, outside, service)
    client.send(bytes(2 * MEGABYTE))
    address = service.next_message().address
    assert service.clients.is_held(address)
    client.send(b"after")
    for _ in range(3):
        other.send(b"other")
        assert bytes(service.next_message().frames[0]) == b"other"

    service.clients.release(address)
    assert bytes(service.next_message().frames[0]) == b"after"


def test_longest_unfinished_message_is_not_waited_for_if_memory_is_short(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    honest = dealer(on, outside, service)
    honest.send_multipart([b"x", bytes(4 * MEGABYTE)])
    service.clients.release(service.next_message().address)
    hostile = admitted(on, service)
    send_until_full(service, hostile, LONG_AND_MORE + struct.pack(">Q", MEGABYTE) + bytes(MEGABYTE))
    service.pass_time(2 * CHECK_S)
    assert not is_closed(service, hostile)

    service.memory_bytes = LIMIT_BYTES + 1
    service.pass_time(2 * CHECK_S)
    assert is_closed(service, hostile)
    honest.send(b"y")
    assert bytes(service.next_message().frames[0]) == b"y"


def test_connection_without_a_greeting_is_closed_after_a_while(
    service: Service, on: ExitStack
) -> None:
    silent = [bare(on, service, data) for data in (b"", b"\xff")]
    service.wait_for(lambda: len(service.clients._by_address) == len(silent))
    service.pass_time(HANDSHAKE_MS / 1000 - CHECK_S)
    assert not any(is_closed(service, each) for each in silent)

    service.pass_time(3 * CHECK_S)
    assert all(is_closed(service, each) for each in silent)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", greeting()[:10] + b"\x01\x05"])
def test_what_is_no_client_is_cut_off_at_once(service: Service, on: ExitStack, data: bytes) -> None:
    stranger = bare(on, service, data)

    eventually(lambda: is_closed(service, stranger))


def test_silent_connections_make_room_and_those_with_messages_stay(
    service: Service,
    on: ExitStack,
    outside: zmq.Context[zmq.Socket[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 6)
    # Nothing else may close them.
    monkeypatch.setattr(authentication, "HANDSHAKE_MS", 3_600_000)
    honest = dealer(on, outside, service)
    honest.send(b"x")
    service.next_message()
    strangers = []
    for _ in range(20):
        strangers.append(bare(on, service, greeting()))
        service.wait_for(lambda: len(service.clients._by_address) <= 6)
    eventually(lambda: is_closed(service, strangers[0]))

    honest.send(b"y")
    assert bytes(service.next_message().frames[0]) == b"y"


def test_key_with_too_many_connections_loses_its_oldest(
    encrypted: Service,
    on: ExitStack,
    outside: zmq.Context[zmq.Socket[bytes]],
) -> None:
    keys = KeyPair(*map(_decoded, zmq.curve_keypair()))
    encrypted.authorized.add("laptop", keys.public.hex())
    addresses = []
    for _ in range(MAX_CONNECTIONS_OF_A_KEY + 1):
        dealer(on, outside, encrypted, keys).send(b"x")
        addresses.append(encrypted.next_message().address)

    outcomes = [encrypted.clients.send(address, [b"y"]) for address in addresses]
    assert outcomes[0] is Delivery.DISCONNECTED
    assert set(outcomes[1:]) == {Delivery.SENT}


def test_closed_connections_leave_nothing_behind(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number

    dealer(on, outside, service).close()  # the first one starts threads
    before = descriptors()
    for number in range(10):
        client = dealer(on, outside, service)
        client.send(b"x")
        service.next_message()
        client.close(linger=0)
        with suppress(OSError), bare(on, service, greeting() + b"\x08" * number):
            service.serve()

    eventually(lambda: service.receive() or descriptors() <= before)
    clients = service.clients
    records = clients._by_address, clients._by_user, clients._events, clients._descriptors
    assert not any((*records, clients._ready, clients._dealers))


def test_last_messages_are_sent_before_the_end(
    service: Service, on: ExitStack, outside: zmq.Context[zmq.Socket[bytes]]
) -> None:
    client = dealer(on, outside, service)
    client.send(b"x")
    address = service.next_message().address
    picture = os.urandom(2 * MEGABYTE)
    for _ in range(3):
        assert service.clients.send(address, [picture]) is Delivery.SENT
    service.close(PATIENCE_S)

    assert [client.recv() for _ in range(3)] == [picture] * 3


def test_addresses_differ_from_start_to_start() -> None:
    program = """
import socket
from impasto_daemon.server.front.remote_clients import RemoteClients
listener = socket.create_server(("127.0.0.1", 0))
clients = RemoteClients(listener, lambda *_: None, 2**40, is_encrypted=False)
with socket.create_connection(listener.getsockname()):
    clients.work()
    print(*(address.hex() for address in clients._by_address))
"""
    command = [sys.executable, "-c", program]
    addresses = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2)}

    assert len(addresses) == 2
