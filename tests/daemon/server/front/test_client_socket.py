from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from impasto_daemon.server.front.client_socket import (
    FRAMES_OF_A_CALL,
    QUEUED_MESSAGES,
    ClientSocket,
    Delivery,
    Received,
)
from impasto_shared.protocol.codec import MAX_FRAMES

PATIENCE_MS = 20_000


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/s"


@pytest.fixture
def clients(endpoint: str) -> Iterator[ClientSocket]:
    clients = ClientSocket()
    clients.socket.bind(endpoint)
    yield clients
    clients.close(0)


@pytest.fixture
def dealer(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context.instance().socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(endpoint)
        yield socket


def next_message(clients: ClientSocket) -> Received:
    while clients.socket.poll(PATIENCE_MS):
        if received := clients.receive():
            return received
    raise AssertionError("nothing was received")


def test_message_has_the_address_for_its_reply(
    clients: ClientSocket, dealer: zmq.Socket[bytes]
) -> None:
    dealer.send_multipart([b"a", b"b"])

    received = next_message(clients)
    assert [bytes(frame) for frame in received.frames] == [b"a", b"b"]
    assert clients.send(received.address, [b"c"]) is Delivery.SENT
    assert dealer.recv_multipart() == [b"c"]
    assert clients.receive() is None


def test_longest_message_arrives_and_a_longer_one_is_cut(
    clients: ClientSocket, dealer: zmq.Socket[bytes]
) -> None:
    for count in (MAX_FRAMES, 2 * MAX_FRAMES):
        dealer.send_multipart([b"x"] * count)

    assert [len(next_message(clients).frames) for _ in range(2)] == [MAX_FRAMES, MAX_FRAMES + 1]


def test_client_with_too_many_frames_is_cut_off_and_another_one_served(
    endpoint: str, clients: ClientSocket, dealer: zmq.Socket[bytes]
) -> None:
    with zmq.Context.instance().socket(zmq.DEALER) as hostile:
        hostile.setsockopt(zmq.LINGER, 0)
        monitor = hostile.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        hostile.connect(endpoint)
        hostile.send_multipart([b""] * 10 * FRAMES_OF_A_CALL)
        assert clients.socket.poll(PATIENCE_MS)

        # The first calls receive frames, but no message.
        assert clients.receive() is None
        assert clients.discarded_frames > 0
        assert clients.sender == ""
        assert monitor.poll(PATIENCE_MS)
        hostile.disable_monitor()
        monitor.close(linger=0)
    dealer.send(b"x")
    lengths = [len(next_message(clients).frames) for _ in range(2)]
    assert lengths == [MAX_FRAMES + 1, 1]


def test_full_queue_refuses_and_a_closed_connection_is_known(
    clients: ClientSocket, dealer: zmq.Socket[bytes]
) -> None:
    dealer.setsockopt(zmq.RCVHWM, 1)
    dealer.send(b"x")
    address = next_message(clients).address
    outcomes = [clients.send(address, [bytes(2**20)]) for _ in range(50 * QUEUED_MESSAGES)]
    assert (outcomes[0], outcomes[-1]) == (Delivery.SENT, Delivery.REFUSED)

    dealer.close(linger=0)
    while (outcome := clients.send(address, [b""])) is Delivery.REFUSED:
        clients.socket.poll(10)
    assert outcome is Delivery.DISCONNECTED
    assert clients.send(b"unheard of", [b""]) is Delivery.DISCONNECTED


def test_ids_of_clients_differ_from_start_to_start(tmp_path: Path) -> None:
    program = f"""
import zmq
from impasto_daemon.server.front.client_socket import ClientSocket
clients = ClientSocket()
clients.socket.bind("ipc://{tmp_path}/ids")
dealer = zmq.Context.instance().socket(zmq.DEALER)
dealer.connect("ipc://{tmp_path}/ids")
dealer.send(b"x")
clients.socket.poll({PATIENCE_MS})
print(clients.receive().address.hex())
"""
    command = [sys.executable, "-c", program]
    ids = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2)}

    assert len(ids) == 2
