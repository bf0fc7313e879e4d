from pathlib import Path

import pytest
import zmq

from impasto_daemon.server.process.endpoint import (
    CannotServe,
    UnsafeEndpoint,
    bind_privately,
    check_endpoint,
    remove_socket_file,
)
from impasto_shared.errors import ImpastoError


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:5555", "tcp://[::1]:5555"])
def test_loopback_is_a_safe_endpoint(endpoint: str) -> None:
    check_endpoint(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://*:5555",
        "tcp://0.0.0.0:5555",
        "tcp://192.168.1.2:5555",
        "tcp://eth0:5555",
        "tcp://127.0.0.1.example.org:5555",
        "inproc://daemon",
        "ipc://daemon.sock",
        "daemon.sock",
    ],
)
def test_endpoint_that_others_could_reach_is_refused(endpoint: str) -> None:
    with pytest.raises(UnsafeEndpoint):
        check_endpoint(endpoint)


def test_socket_path_longer_than_the_system_allows_is_refused() -> None:
    with pytest.raises(ImpastoError, match="longer than 107 bytes"):
        check_endpoint(f"ipc:///tmp/{'x' * 120}")


def test_folder_of_the_socket_is_made_private(tmp_path: Path) -> None:
    check_endpoint(f"ipc://{tmp_path}/runtime/daemon.sock")

    assert (tmp_path / "runtime").stat().st_mode & 0o777 == 0o700


def test_socket_file_is_accessible_to_this_user_alone_and_can_be_removed(tmp_path: Path) -> None:
    path = tmp_path / "daemon.sock"
    with zmq.Context.instance().socket(zmq.ROUTER) as socket:
        bind_privately(socket, f"ipc://{path}")
        mode = path.stat().st_mode & 0o777

    assert mode & 0o077 == 0
    path.touch()
    remove_socket_file(f"ipc://{path}")
    assert not path.exists()
    remove_socket_file(f"ipc://{path}")
    remove_socket_file("tcp://127.0.0.1:5555")


def test_address_that_is_in_use_is_refused_with_the_remedy() -> None:
    context = zmq.Context.instance()
    with context.socket(zmq.ROUTER) as first, context.socket(zmq.ROUTER) as second:
        first.bind("tcp://127.0.0.1:*")
        endpoint = first.getsockopt_string(zmq.LAST_ENDPOINT)

        with pytest.raises(CannotServe, match="Choose another address"):
            bind_privately(second, endpoint)
