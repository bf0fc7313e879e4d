"""The socket for TCP; test_transport.py has more, and tests/integration/test_remote.py its keys."""

from __future__ import annotations

import zmq

from impasto_shared.connection.tcp_socket import TcpSocket
from impasto_shared.protocol.codec import MAX_FRAMES
from integration.daemon_process import PATIENCE_S, free_address


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


def test_message_that_cannot_be_queued_is_given_up() -> None:
    client = TcpSocket(free_address(), 0.001, server_key="")

    sent = [client.send([b"hello"]) for _ in range(1100)]  # libzmq queues 1000

    assert sent[0]
    assert not sent[-1]
    client.close(0)
