"""The transport against sockets of the test; its keys are tested in tests/integration."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from impasto_shared.connection.keys import KeysUnusable
from impasto_shared.connection.transport import Transport
from impasto_shared.errors import DaemonUnavailable, ProtocolError
from impasto_shared.files.paths import UnsafeDirectory
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAGIC, MAX_FRAMES, decode, encode
from impasto_shared.protocol.messages import ClientMessage, Hello, Welcome
from impasto_shared.protocol.reports import Limits
from integration.daemon_process import free_address, wait_for
from integration.hostile_clients import greeting, ready

WELCOME = Welcome("1", "boot", "test", Limits(frame_bytes=12, pixels=4, queue=1))


@pytest.fixture
def socket_endpoint(tmp_path: Path) -> str:
    tmp_path.chmod(0o700)
    return f"ipc://{tmp_path}/daemon.sock"


@pytest.fixture(params=["ipc", "tcp"])
def endpoint(request: pytest.FixtureRequest, socket_endpoint: str) -> str:
    return socket_endpoint if request.param == "ipc" else free_address()


@pytest.fixture
def router(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context.instance().socket(zmq.ROUTER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(endpoint)
        yield socket


@pytest.fixture
def transport(router: zmq.Socket[bytes]) -> Iterator[Transport]:
    opened = Transport(router.getsockopt_string(zmq.LAST_ENDPOINT), send_timeout_s=5)
    yield opened
    opened.close()


def accept(router: zmq.Socket[bytes], transport: Transport) -> bytes:
    """Returns the address of the transport, once the router has received its hello."""
    transport.send(Hello("1", "test"))
    wait_for(lambda: transport.wait_for_message(0) or router.poll(0), "the hello")
    address, *frames = router.recv_multipart()
    assert decode(frames, ClientMessage) == Hello("1", "test")
    return address


def test_message_arrives_in_both_directions(
    router: zmq.Socket[bytes], transport: Transport
) -> None:
    address = accept(router, transport)
    router.send_multipart([address, *encode(WELCOME)])

    assert transport.wait_for_message(5)
    assert transport.receive() == WELCOME


def test_frames_in_excess_take_no_memory(router: zmq.Socket[bytes], transport: Transport) -> None:
    address = accept(router, transport)
    router.send_multipart([address, *[b"x"] * 10 * MAX_FRAMES])

    assert transport.wait_for_message(5)
    assert len(transport._socket.receive()) == MAX_FRAMES + 1


@pytest.mark.usefixtures("router")
def test_wait_ends_at_its_timeout_and_calls_back_meanwhile(endpoint: str) -> None:
    calls: list[float] = []
    transport = Transport(
        endpoint, send_timeout_s=5, while_waiting=lambda: calls.append(time.monotonic())
    )

    assert not transport.wait_for_message(0.35)
    assert calls
    transport.close()


@pytest.mark.usefixtures("router")
def test_exception_of_the_callback_ends_the_wait(endpoint: str) -> None:
    def cancel() -> None:
        raise KeyboardInterrupt

    transport = Transport(endpoint, send_timeout_s=5, while_waiting=cancel)

    with pytest.raises(KeyboardInterrupt):
        transport.wait_for_message(60)
    transport.close()


def test_message_of_an_unknown_type_is_skipped(
    router: zmq.Socket[bytes], transport: Transport
) -> None:
    address = accept(router, transport)
    router.send_multipart([address, MAGIC, b'{"type": "unheard-of"}'])

    assert transport.wait_for_message(5)
    assert transport.receive() is None


def test_message_of_another_version_is_an_error(
    router: zmq.Socket[bytes], transport: Transport
) -> None:
    address = accept(router, transport)
    router.send_multipart([address, b"impasto/2", b"{}"])

    assert transport.wait_for_message(5)
    with pytest.raises(ProtocolError):
        transport.receive()


def test_disconnection_ends_the_wait_after_the_last_message(
    router: zmq.Socket[bytes], transport: Transport
) -> None:
    address = accept(router, transport)
    router.send_multipart([address, *encode(WELCOME)])
    assert transport.wait_for_message(5)
    router.close(linger=0)

    assert transport.receive() == WELCOME
    assert not transport.wait_for_message(60)
    assert not transport.is_connected
    with pytest.raises(DaemonUnavailable, match="No Impasto daemon answers"):
        transport.send(Hello("2", "test"))


def test_missing_socket_is_reported_with_the_command_to_start_a_daemon(
    socket_endpoint: str,
) -> None:
    with pytest.raises(DaemonUnavailable, match="To start one, run: impasto serve"):
        Transport(socket_endpoint, send_timeout_s=1)


def test_socket_in_a_folder_of_others_is_refused(socket_endpoint: str, tmp_path: Path) -> None:
    Path(socket_endpoint.removeprefix("ipc://")).touch()
    tmp_path.chmod(0o755)

    with pytest.raises(UnsafeDirectory):
        Transport(socket_endpoint, send_timeout_s=1)


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1:port"])
def test_malformed_address_is_refused_with_the_form_expected(address: str) -> None:
    with pytest.raises(
        DaemonUnavailable, match=r"Use ipc:///PATH, loopback:///PATH or tcp://ADDRESS:PORT\."
    ):
        Transport(address, send_timeout_s=1, server_key="")


def test_python_without_pyzmq_reaches_daemons_on_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, socket_endpoint: str
) -> None:
    monkeypatch.setitem(sys.modules, "impasto_shared.connection.tcp_socket", None)

    with pytest.raises(DaemonUnavailable, match=r"with pyzmq only, which this Python .* Install"):
        Transport("tcp://127.0.0.1:5570", send_timeout_s=1)
    with pytest.raises(DaemonUnavailable, match="To start one, run: impasto serve"):
        Transport(socket_endpoint, send_timeout_s=1)


def test_other_machine_is_not_contacted_without_a_key() -> None:
    with pytest.raises(KeysUnusable, match="Set server_key"):
        Transport("tcp://192.0.2.1:5570", send_timeout_s=1, server_key="")


def test_closing_twice_is_allowed(transport: Transport) -> None:
    transport.close()
    transport.close()


def test_frame_that_no_picture_needs_ends_the_connection(socket_endpoint: str) -> None:
    """It could fill the memory of the program that the client is in."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_endpoint.removeprefix("ipc://"))
        listener.listen()
        transport = Transport(socket_endpoint, send_timeout_s=5)
        with listener.accept()[0] as daemon:
            daemon.settimeout(20)
            daemon.sendall(
                greeting() + ready() + b"\x02" + (MAX_FRAME_BYTES + 1).to_bytes(8, "big")
            )
            assert not transport.wait_for_message(20)
            assert not transport.is_connected
            with suppress(ConnectionResetError):
                while daemon.recv(4096):
                    pass
    with pytest.raises(DaemonUnavailable, match=r"not an Impasto daemon\. It sends a frame of"):
        transport.send(Hello("1", "test"))
