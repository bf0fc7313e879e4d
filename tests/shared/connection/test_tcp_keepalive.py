"""TCP keepalive reaches the kernel. (A machine cannot be unplugged in a test.)"""

import os
import socket
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

import zmq

from impasto_shared.connection.tcp_keepalive import (
    LOST_AFTER_S,
    notice_lost_peer,
    notice_lost_peers,
)


def tcp_connections(port: int, stack: ExitStack) -> list[socket.socket]:
    """Returns this process's TCP connections to or from `port`, closed with `stack`."""
    connections = []
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        if not entry.exists() or not stat.S_ISSOCK(os.fstat(number).st_mode):
            continue
        connection = stack.enter_context(socket.socket(fileno=os.dup(number)))
        if connection.family != socket.AF_INET or connection.type != socket.SOCK_STREAM:
            continue
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            continue
        with suppress(OSError):  # a socket without a peer is no connection
            if port in (connection.getsockname()[1], connection.getpeername()[1]):
                connections.append(connection)
    return connections


def assert_probes(connection: socket.socket) -> None:
    """Checks that a lost peer is noticed in time."""
    idle_s, interval_s, count = (
        connection.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    user_timeout_ms = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert idle_s + interval_s * count <= LOST_AFTER_S
    assert user_timeout_ms == LOST_AFTER_S * 1000


def test_connections_of_both_sides_probe_their_peer() -> None:
    with zmq.Context() as context, ExitStack() as stack:
        router = stack.enter_context(context.socket(zmq.ROUTER))
        dealer = stack.enter_context(context.socket(zmq.DEALER))
        for end in (router, dealer):
            end.setsockopt(zmq.LINGER, 0)
            notice_lost_peers(end)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        dealer.connect(f"tcp://127.0.0.1:{port}")
        dealer.send(b"hello")
        router.recv_multipart()

        connections = tcp_connections(port, stack)

        assert len(connections) == 2
        for connection in connections:
            assert_probes(connection)


def test_connection_without_libzmq_probes_its_peer_in_the_same_way() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as connection,
    ):
        notice_lost_peer(connection)
        assert_probes(connection)
