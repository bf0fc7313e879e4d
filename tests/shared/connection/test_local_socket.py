"""The client's Unix socket, with libzmq or with scripted bytes at the other end."""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto_shared.connection.local_socket import LocalSocket, is_served
from impasto_shared.protocol.codec import MAX_FRAMES
from integration.daemon_process import PATIENCE_S
from shared.connection.zmtp_peer import command, greeting, message, ready

LARGE = 3_000_000  # more than the system takes at once
FRAMES = st.lists(
    st.sampled_from([0, 1, 255, 256, 8192, 8193, 300_000]).map(
        lambda size: random.Random(size).randbytes(size)
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "daemon.sock"


@contextmanager
def opened(path: Path) -> Iterator[LocalSocket]:
    client = LocalSocket(path)
    try:
        yield client
    finally:
        client.close(0)


@contextmanager
def libzmq(
    path: Path, kind: int = zmq.ROUTER, **options: int | bytes
) -> Iterator[zmq.Socket[bytes]]:
    """Binds a socket of libzmq."""
    with zmq.Context.instance().socket(kind) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        for name, value in options.items():
            peer.setsockopt(getattr(zmq, name), value)
        peer.bind(f"ipc://{path}")
        yield peer


@contextmanager
def scripted(path: Path) -> Iterator[tuple[LocalSocket, socket.socket]]:
    """Gives a client, and the plain socket of what it is connected to."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with opened(path) as client, listener.accept()[0] as peer:
            peer.settimeout(PATIENCE_S)
            yield client, peer


def exchange(client: LocalSocket, router: zmq.Socket[bytes], *messages: list[bytes]) -> bytes:
    """Sends messages to the router while both work; returns the client's address."""
    for each in messages:
        assert client.send(each)
    arrived: list[list[bytes]] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while len(arrived) < len(messages) and time.monotonic() < deadline_s:
        client.wait(0.01)
        while router.poll(0):
            arrived.append(router.recv_multipart())
    assert [frames for _, *frames in arrived] == list(messages)
    return arrived[0][0]


def next_message(client: LocalSocket) -> list[bytes]:
    assert client.wait(PATIENCE_S), "no message came"
    return [bytes(frame) for frame in client.receive()]


@contextmanager
def shredder(path: Path, target: Path, seed: int) -> Iterator[None]:
    """Passes on the bytes of a connection in both directions, in parts of random sizes."""
    sizes = random.Random(seed)

    def pass_on() -> None:
        while True:
            for source in select.select(ends, [], [])[0]:
                try:
                    part = source.recv(sizes.choice([1, 2, 9, 64, 1000, 100_000]))
                except OSError:
                    return
                if not part:
                    return
                ends[ends.index(source) - 1].sendall(part)

    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as server:
        listener.bind(str(path))
        listener.listen()
        server.connect(str(target))
        ends = [server]

        def serve() -> None:
            ends.append(listener.accept()[0])
            with ends[1], suppress(OSError):
                pass_on()

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(PATIENCE_S)


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(FRAMES, min_size=1, max_size=4), st.integers(0, 1000), st.booleans())
def test_libzmq_and_the_client_understand_each_other_in_any_parts(
    tmp_path: Path, messages: list[list[bytes]], seed: int, is_shredded: bool
) -> None:
    path, via = tmp_path / "daemon.sock", tmp_path / "shredder.sock"
    via.unlink(missing_ok=True)
    with libzmq(path) as router:
        relay = shredder(via, path, seed) if is_shredded else libzmq(via)
        with relay, opened(via if is_shredded else path) as client:
            address = exchange(client, router, *messages)
            for each in messages:
                router.send_multipart([address, *each])
            for each in messages:
                assert next_message(client) == each
            client.close(0)


def test_both_ends_send_more_than_the_system_takes_at_once(path: Path) -> None:
    with libzmq(path) as router, opened(path) as client:
        address = exchange(client, router, [b"hello"])
        pictures = [[b"header", random.Random(n).randbytes(LARGE)] for n in range(10)]
        for each in pictures:
            router.send_multipart([address, *each], copy=False)

        exchange(client, router, *pictures)

        assert [next_message(client) for _ in pictures] == pictures


def test_heartbeats_of_libzmq_are_answered(path: Path) -> None:
    with (
        libzmq(path, HEARTBEAT_IVL=20, HEARTBEAT_TIMEOUT=200, HEARTBEAT_TTL=500) as router,
        opened(path) as client,
    ):
        monitor = router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        address = exchange(client, router, [b"hello"])
        assert not client.wait(1)  # long after the first of them

        router.send_multipart([address, b"picture"])

        assert next_message(client) == [b"picture"]
        assert not monitor.poll(0)
        router.disable_monitor()
        monitor.close()


def test_libzmq_of_another_type_ends_the_connection(path: Path) -> None:
    with libzmq(path, zmq.PUB), opened(path) as client:
        assert not client.wait(PATIENCE_S)
        assert not client.is_connected


def test_libzmq_that_requires_encryption_ends_the_connection(path: Path) -> None:
    _, secret = zmq.curve_keypair()
    with libzmq(path, CURVE_SERVER=1, CURVE_SECRETKEY=secret), opened(path) as client:
        assert not client.wait(PATIENCE_S)
        assert not client.is_connected


@pytest.mark.parametrize("listens", [False, True])
def test_socket_without_a_daemon_ends_the_connection_at_once(path: Path, listens: bool) -> None:
    """Either nothing has been bound to it since the system started, or its daemon has ended."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        if listens:
            listener.listen()
            client = LocalSocket(path)
    if not listens:
        client = LocalSocket(path)

    assert not client.wait(PATIENCE_S)
    assert not client.is_connected
    client.close(0)


def test_connection_comes_when_the_system_has_room_for_it(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))  # takes the only room
        with opened(path) as client:
            assert client.send([b"hello"])
            assert not client.wait(0.05)
            listener.accept()[0].close()

            assert not client.wait(0.05)

            with listener.accept()[0] as peer:
                peer.sendall(greeting() + ready() + message(b"welcome"))
                assert next_message(client) == [b"welcome"]


def test_stalled_peer_is_waited_for_and_can_be_left(path: Path) -> None:
    with scripted(path) as (client, peer):
        peer.sendall(greeting() + ready())
        assert not client.wait(0.05)
        picture = bytes(LARGE)

        sent = [client.send([b"header", picture]) for _ in range(600)]

        assert sent[0]
        assert not sent[-1]  # it does not fill the memory with them
        assert not client.wait(0)
        assert client.is_connected
        client.close(0.05)
        assert not client.is_connected


def test_message_that_trickles_in_is_received(path: Path) -> None:
    with scripted(path) as (client, peer):
        for byte in greeting() + ready() + message(b"a", b"", b"b"):
            assert not client.wait(0)
            peer.send(bytes([byte]))

        assert next_message(client) == [b"a", b"", b"b"]


def test_endless_message_does_not_hold_up_the_caller(path: Path) -> None:
    ended = threading.Event()

    def flood(peer: socket.socket) -> None:
        with suppress(OSError):
            peer.sendall(greeting() + ready())
            while not ended.is_set():
                peer.sendall(b"\x01\x00" * 100_000)

    with scripted(path) as (client, peer):
        thread = threading.Thread(target=flood, args=(peer,))
        thread.start()
        for _ in range(5):
            assert not client.wait(0)
        assert client.is_connected
        client.close(0)
        ended.set()
        thread.join(PATIENCE_S)


def leave(client: LocalSocket, peer: socket.socket) -> None:
    peer.close()
    client.send([bytes(LARGE)])


def leave_without_reading(client: LocalSocket, peer: socket.socket) -> None:
    """Makes the system report an error, because something has not been read."""
    client.send([bytes(LARGE)])
    assert select.select([peer], [], [], PATIENCE_S)[0]
    peer.close()


def stop_reading(client: LocalSocket, peer: socket.socket) -> None:
    """Makes every attempt to send fail."""
    peer.shutdown(socket.SHUT_RD)
    client.send([bytes(LARGE)])


@pytest.mark.parametrize("end", [leave, leave_without_reading, stop_reading])
def test_last_message_is_received_and_then_the_end(
    path: Path, end: Callable[[LocalSocket, socket.socket], None]
) -> None:
    with scripted(path) as (client, peer):
        peer.sendall(greeting() + ready() + message(b"farewell", bytes(100_000)))

        end(client, peer)

        assert next_message(client) == [b"farewell", bytes(100_000)]
        peer.close()
        assert not client.wait(PATIENCE_S)
        assert not client.is_connected


def test_peer_that_stops_reading_does_not_keep_the_processor_busy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(path) as (client, peer):
        peer.sendall(greeting() + ready())
        client.wait(0)
        peer.shutdown(socket.SHUT_RD)
        client.send([b"hello"])
        polls = Mock(wraps=select.poll)
        monkeypatch.setattr(select, "poll", polls)

        assert not client.wait(0.2)

        assert 0 < polls.call_count < 5


def test_ctrl_c_amid_a_transfer_ends_the_connection(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not known then how many bytes have been received: more would be misunderstood."""
    with scripted(path) as (client, peer):
        peer.sendall(greeting() + ready())

        interrupted = Mock(side_effect=KeyboardInterrupt)
        monkeypatch.setattr(client._zmtp, "received", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.wait(PATIENCE_S)

        assert not client.is_connected
        assert not client.wait(0)
        client.send([b"too late"])
        assert command(b"READY") not in peer.recv(1000)


def test_of_too_many_frames_one_too_many_is_kept(path: Path) -> None:
    with scripted(path) as (client, peer):
        peer.sendall(greeting() + ready() + message(*[b"frame"] * 1000))

        assert len(next_message(client)) == MAX_FRAMES + 1


def test_socket_is_served_if_a_program_listens_there(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert not is_served(path)
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(path))
            assert is_served(path)  # also if no more programs can wait
    assert not is_served(path)


def test_what_cannot_be_connected_to_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert not is_served(tmp_path / "file")
    assert not is_served(tmp_path / "file/below")
    assert not is_served(tmp_path / "missing")
