"""The daemon's addresses: which ones are safe to serve, and how they are bound."""

from __future__ import annotations

import os

import zmq

from impasto_shared.errors import ImpastoError
from impasto_shared.paths import is_loopback, make_private, socket_path


class UnsafeEndpoint(ImpastoError):
    """The endpoint would be reachable by other users or machines."""


class CannotServe(ImpastoError):
    """An address cannot be bound."""


def check_endpoint(endpoint: str) -> None:
    """Makes the folder of an ipc endpoint private; refuses TCP beyond this machine.

    Raises:
        UnsafeEndpoint: for an address that other users or machines can reach.
        UnsafeDirectory: if the socket's folder is not this user's alone.
    """
    path = socket_path(endpoint)
    if path is not None:
        if not path.is_absolute():
            raise UnsafeEndpoint(f"The socket path in {endpoint} must be absolute.")
        make_private(path.parent)
        return
    if not (endpoint.startswith("tcp:") and is_loopback(endpoint)):
        raise UnsafeEndpoint(
            f"{endpoint} is neither ipc:///path nor tcp://127.0.0.1:port: the endpoint serves only "
            "this machine. To serve other machines, set listen, which requires authorised keys: "
            "docs/remote.md."
        )


def bind_privately(socket: zmq.Socket[bytes], endpoint: str) -> None:
    """Binds with the file of an ipc socket accessible to this user alone, like its folder.

    Raises:
        CannotServe: if the address cannot be bound.
    """
    old_umask = os.umask(0o077)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise CannotServe(
            f"The daemon cannot serve at {endpoint}: {error}. Choose another address."
        ) from error
    finally:
        os.umask(old_umask)


def remove_socket_file(endpoint: str) -> None:
    """Removes the file of an ipc socket: libzmq leaves it, and clients would wait for an answer."""
    if path := socket_path(endpoint):
        path.unlink(missing_ok=True)
