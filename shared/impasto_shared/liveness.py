"""How either side notices that the other has gone.

A process that ends is noticed at once: the kernel closes its connections. A machine that is gone,
or out of reach, is noticed by TCP's own probes, within two seconds.

Not by ZeroMQ's heartbeats: they are answered only between two frames, so that a large picture on a
slow line breaks the connection; and they take a process that is stopped for a while, in a debugger
or as its machine sleeps, for one that has gone.
"""

from __future__ import annotations

import zmq

GONE_AFTER_S = 2


def notice_lost_peers(socket: zmq.Socket[bytes]) -> None:
    """Sets up `socket`, before it is bound or connected; ipc needs nothing."""
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, GONE_AFTER_S - 1)
    # While there is something to be sent no probes are; libzmq's name for TCP_USER_TIMEOUT.
    socket.setsockopt(zmq.TCP_MAXRT, GONE_AFTER_S * 1000)
