"""A network between clients and a daemon that can be cut, fall silent, and come back."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LOOK_S = 0.02


class Relay:
    """Passes bytes between clients at `address` and the daemon at `target`, in a thread."""

    def __init__(self, target: str) -> None:
        self._target = _host_and_port(target)
        self._listener = socket.create_server(("127.0.0.3", 0))
        self.address = f"tcp://127.0.0.3:{self._listener.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._ends: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._leaking: set[socket.socket] = set()
        self._is_down = False
        self.accepted = 0
        """The number of connections so far that reached the daemon."""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def cut(self, *, stays_down: bool = False) -> None:
        """Closes all connections; with `stays_down`, also each new one at once, until `repair`."""
        with self._lock:
            self._is_down = stays_down
            for end in list(self._ends):
                self._close(end)

    def lose(self, *, requests: bool) -> None:
        """Drops what the daemon sends through the connections that there are, which stay open.

        requests: whether what the clients send is dropped as well.
        """
        with self._lock:
            self._leaking |= {end for end in self._ends if requests or end not in self._clients}

    def repair(self) -> None:
        """Lets new connections through."""
        with self._lock:
            self._is_down = False

    def end(self) -> None:
        """Closes everything."""
        self._is_over.set()
        self._thread.join()
        self.cut()
        self._listener.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._is_over.is_set():
            ready = self._selector.select(_LOOK_S)
            with self._lock:
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._ends:
                        self._pass_on(key.fileobj)

    def _accept(self) -> None:
        near = self._listener.accept()[0]
        if self._is_down:
            near.close()
            return
        try:
            far = socket.create_connection(self._target)
        except OSError:
            near.close()
            return
        self.accepted += 1
        self._clients.add(near)
        for end, other in ((near, far), (far, near)):
            self._ends[end] = other
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket) -> None:
        try:
            received = end.recv(2**16)
            if end not in self._leaking:
                self._ends[end].sendall(received)
        except OSError:
            received = b""
        if not received:
            self._close(end)

    def _close(self, end: socket.socket) -> None:
        """Closes a connection with both of its ends."""
        if other := self._ends.pop(end, None):
            self._ends.pop(other, None)
            for each in (end, other):
                with suppress(KeyError):
                    self._selector.unregister(each)
                each.close()


@contextmanager
def relayed(target: str) -> Iterator[Relay]:
    """Opens a network to the daemon at `target`."""
    relay = Relay(target)
    try:
        yield relay
    finally:
        relay.end()


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return host, int(port)
