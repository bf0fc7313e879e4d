"""The socket for TCP; test_transport.py has more, and tests/integration/test_remote.py its keys."""

from __future__ import annotations

import socket
from contextlib import suppress

import zmq

from impasto_shared.connection.tcp_socket import TcpSocket
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES
from integration.daemon_process import PATIENCE_S, free_address
from shared.connection.zmtp_peer import greeting, ready


def test_of_too_many_frames_one_too_many_is_kept() -> None:
    endpoint = free_address()
    with zmq.Context.instance().socket(zmq.ROUTER) as router:
        router.setsockopt(zmq.LINGER, 0)
        router.bind(endpoint)
        client = TcpSocket(endpoint, PATIENCE_S, server_key="")
        assert client.send([b"hello"])
        address, _ = router.recv_multipart()

        router.send_multipart([address, *[b"frame"] * 1000])

        assert client.wait(PATIENCE_S)
        assert len(client.receive()) == MAX_FRAMES + 1
        client.close(0)


def test_frame_that_no_picture_needs_ends_the_connection() -> None:
    """It could fill the memory of the program that the client is in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)
        endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        client = TcpSocket(endpoint, PATIENCE_S, server_key="")
        with listener.accept()[0] as daemon:
            daemon.settimeout(PATIENCE_S)
            size = (MAX_FRAME_BYTES + 1).to_bytes(8, "big")
            daemon.sendall(greeting() + ready() + b"\x02" + size)
            with suppress(ConnectionResetError):
                while daemon.recv(4096):
                    pass
        client.close(0)


def test_message_that_cannot_be_queued_is_given_up() -> None:
    client = TcpSocket(free_address(), 0.001, server_key="")

    sent = [client.send([b"hello"]) for _ in range(1100)]  # libzmq queues 1000

    assert sent[0]
    assert not sent[-1]
    client.close(0)
