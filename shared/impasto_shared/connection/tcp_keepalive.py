"""Detection of lost peers.

The exit of a process is noticed at once, because the kernel closes its connections. TCP keepalive
notices within ten seconds that a machine is down or unreachable. A shorter pause of the network,
as is usual with Wi-Fi, breaks no connection.

ZeroMQ's heartbeats are not used: they are answered only between two frames, so a large picture on
a slow line would break the connection, and they mistake a process that is stopped for a while, in a
debugger or while its machine sleeps, for a dead one.
"""

from __future__ import annotations

import socket as plain_socket
import sys

import zmq

LOST_AFTER_S = 10
_IDLE_S = 5
_INTERVAL_S = 1


def notice_lost_peers(socket: zmq.Socket[bytes]) -> None:
    """Enables TCP keepalive; call before `socket` is bound or connected. No effect on ipc."""
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, _IDLE_S)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, _INTERVAL_S)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, (LOST_AFTER_S - _IDLE_S) // _INTERVAL_S)
    # TCP_USER_TIMEOUT, for the time when data is unacknowledged and no probes are sent.
    socket.setsockopt(zmq.TCP_MAXRT, LOST_AFTER_S * 1000)


def notice_lost_peer(connection: plain_socket.socket) -> None:
    """Enables the same for a connection without libzmq, where the system has all of it (Linux)."""
    connection.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        for option, value in (
            (plain_socket.TCP_KEEPIDLE, _IDLE_S),
            (plain_socket.TCP_KEEPINTVL, _INTERVAL_S),
            (plain_socket.TCP_KEEPCNT, (LOST_AFTER_S - _IDLE_S) // _INTERVAL_S),
            (plain_socket.TCP_USER_TIMEOUT, LOST_AFTER_S * 1000),
        ):
            connection.setsockopt(plain_socket.IPPROTO_TCP, option, value)
