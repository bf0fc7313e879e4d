"""Messages without end through real TCP sockets of ZeroMQ, next to those of an honest client."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest
import zmq

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.front import unfinished_messages as module
from impasto_daemon.server.front.client_socket import ClientSocket, Received
from impasto_daemon.server.front.unfinished_messages import CHECK_S, UnfinishedMessages
from impasto_daemon.system.process_memory import resident_bytes
from integration.hostile_clients import LONG_AND_MORE, admitted

MEGABYTE = 2**20
PATIENCE_MS = 20_000
FRAME_AND_MORE = LONG_AND_MORE + struct.pack(">Q", MEGABYTE) + bytes(MEGABYTE)
LAST_FRAME = bytes(2)


@pytest.fixture
def clients() -> Iterator[ClientSocket]:
    clients = ClientSocket()
    clients.socket.bind("tcp://127.0.0.1:0")
    yield clients
    clients.close(0)


@pytest.fixture
def honest(clients: ClientSocket) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context.instance().socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(endpoint(clients))
        yield socket


@pytest.fixture
def hostile(clients: ClientSocket) -> Iterator[socket.socket]:
    # Without ZeroMQ, which sends no message before it is complete.
    with admitted(endpoint(clients)) as plain:
        plain.settimeout(PATIENCE_MS / 1000)
        yield plain


def endpoint(clients: ClientSocket) -> str:
    return clients.socket.getsockopt_string(zmq.LAST_ENDPOINT)


def own_bytes() -> int:
    return resident_bytes(os.getpid()) or 0


def next_message(clients: ClientSocket) -> Received:
    assert clients.socket.poll(PATIENCE_MS)
    received = clients.receive()
    assert received is not None
    return received


def look(unfinished: UnfinishedMessages, clock: FakeClock) -> None:
    clock.now_s += CHECK_S
    unfinished.check()


def test_message_without_end_costs_its_connection_alone(
    clients: ClientSocket,
    honest: zmq.Socket[bytes],
    hostile: socket.socket,
    clock: FakeClock,
) -> None:
    limit_bytes = own_bytes() + 60 * MEGABYTE
    unfinished = UnfinishedMessages(limit_bytes, clock)
    honest.send_multipart([b"begin", bytes(5 * MEGABYTE)])
    first = next_message(clients)
    unfinished.complete(first.descriptor)
    with suppress(ConnectionError):
        for _ in range(500):
            hostile.sendall(FRAME_AND_MORE)
            look(unfinished, clock)
        pytest.fail("the connection was not cut off")

    while own_bytes() > limit_bytes:
        look(unfinished, clock)
    honest.send(b"end")
    assert next_message(clients).address == first.address


def test_complete_messages_of_any_size_are_waited_for(
    clients: ClientSocket, honest: zmq.Socket[bytes], clock: FakeClock
) -> None:
    unfinished = UnfinishedMessages(0, clock)
    addresses = set()
    for _ in range(3):
        honest.send(bytes(5 * MEGABYTE))
        received = next_message(clients)
        unfinished.complete(received.descriptor)
        look(unfinished, clock)
        addresses.add(received.address)

    assert len(addresses) == 1, "the connection was closed"


def test_long_message_is_waited_for_while_there_is_memory(
    clients: ClientSocket, hostile: socket.socket, clock: FakeClock
) -> None:
    unfinished = UnfinishedMessages(2**50, clock)
    for _ in range(5):
        hostile.sendall(FRAME_AND_MORE)
        look(unfinished, clock)
    hostile.sendall(LAST_FRAME)

    assert len(next_message(clients).frames) == 6


def test_connections_are_looked_at_only_if_memory_is_full_and_a_part_in_each_call(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []

    def look_at(descriptor: int) -> tuple[None, int]:
        looked_at.append(descriptor)
        return None, 0

    monkeypatch.setattr(module, "_descriptors", lambda: list(range(2500)))
    monkeypatch.setattr(module, "_received", look_at)
    memory = [0]
    unfinished = UnfinishedMessages(1, clock, lambda: memory[0])
    look(unfinished, clock)
    assert looked_at == []

    memory[0] = 2
    counts = []
    for _ in range(4):
        look(unfinished, clock)
        counts.append(len(looked_at))

    assert counts == [1000, 2000, 2500, 3500]
