"""A front as the server has it: a real process, real connections."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from daemon.server.fake_clock import FakeClock
from daemon.server.patience import PATIENCE_S, eventually
from impasto_daemon.server.front import process as process_module
from impasto_daemon.server.front.delivery import Delivery, Received
from impasto_daemon.server.front.process import MAX_RESTART_S, STEADY_S, FrontProcess
from impasto_shared.protocol.codec import MAGIC, MAX_FRAMES, Frame
from integration.daemon_process import is_alive
from integration.hostile_clients import greeting, ready


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FrontProcess]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    listener = socket.create_server(("127.0.0.1", 0))
    endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    front = FrontProcess(endpoint, listener, "info", time.monotonic, is_encrypted=False)
    front.supervise()
    yield front
    front.finish()
    front.end(PATIENCE_S)


@pytest.fixture
def client(front: FrontProcess) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context.instance().socket(zmq.DEALER) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(front.endpoint)
        yield client


def next_message(front: FrontProcess) -> Received:
    def look() -> Received | None:
        front.supervise()
        return front.receive()

    return eventually(look)


def is_replaced(front: FrontProcess, before: int | None) -> bool:
    front.supervise()
    return front.pid not in (None, before)


def test_messages_pass_in_both_directions(front: FrontProcess, client: zmq.Socket[bytes]) -> None:
    long = os.urandom(10**6)
    client.send_multipart([MAGIC, long])

    received = next_message(front)
    assert [bytes(frame) for frame in received.frames] == [MAGIC, long]
    assert received.user == ""
    messages: list[list[Frame]] = [[b"short"], [b"x", long], [b"short", b""]]
    for frames in messages:
        assert front.send(received.address, frames) is Delivery.SENT
        assert client.recv_multipart() == frames


def test_closed_connection_is_reported(front: FrontProcess, client: zmq.Socket[bytes]) -> None:
    client.send(b"x")
    address = next_message(front).address
    client.close(linger=0)

    def is_known() -> bool:
        front.receive()
        return front.send(address, [b"x"]) is Delivery.LOST

    eventually(is_known)


def test_killed_front_is_replaced_and_its_addresses_are_lost(
    front: FrontProcess, client: zmq.Socket[bytes]
) -> None:
    client.send(b"before")
    address, before = next_message(front).address, front.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    eventually(lambda: front.send(address, [b"x"]) is Delivery.LOST)

    # The listening socket outlives the front: a client need not even try twice.
    eventually(lambda: is_replaced(front, before))
    client.send(b"after")
    received = next_message(front)

    assert [bytes(frame) for frame in received.frames] == [b"after"]
    assert front.send(address, [b"x"]) is Delivery.LOST
    assert front.send(received.address, [b"x"]) is Delivery.SENT
    assert client.recv() == b"x"


def test_front_that_ends_at_once_is_started_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process_module, "FRONT_COMMAND", ("/bin/true",))
    clock = FakeClock()
    listener = socket.create_server(("127.0.0.1", 0))
    front = FrontProcess("tcp://127.0.0.1:1", listener, "info", clock, is_encrypted=False)

    def starts_within(seconds: int) -> int:
        before = caplog.text.count("serves at")
        for _ in range(2 * seconds):
            front.supervise()
            if front._process is not None:
                front._process.wait(PATIENCE_S)
            clock.now_s += 0.5
        return caplog.text.count("serves at") - before

    with caplog.at_level("INFO"):
        counts = [starts_within(60), starts_within(60)]
        clock.now_s += MAX_RESTART_S
        assert starts_within(1) == 1
        clock.now_s += STEADY_S  # for which it has lived, as far as is known
        counts.append(starts_within(3))
        front.supervise()
        front.end(PATIENCE_S)

    # At the last as often as it may, at first a little more often.
    assert 60 / (MAX_RESTART_S + 1) <= counts[1] <= 60 / MAX_RESTART_S
    assert counts[1] < counts[0] <= counts[1] + 4
    assert counts[2] >= 2


def test_client_that_does_not_read_has_a_bounded_queue(
    front: FrontProcess, client: zmq.Socket[bytes]
) -> None:
    client.setsockopt(zmq.RCVHWM, 1)
    client.send(b"x")
    address = next_message(front).address
    frames: list[Frame] = [bytes(10**6)]

    outcomes = []
    quiet_s = time.monotonic() + 1.0
    while time.monotonic() < quiet_s:
        outcomes.append(front.send(address, frames))
        front.receive()
        if outcomes[-1] is Delivery.SENT:
            quiet_s = time.monotonic() + 1.0

    # The buffers of the system hold a few more.
    assert outcomes.count(Delivery.SENT) < 150
    client.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
    for _ in range(outcomes.count(Delivery.SENT)):
        assert client.recv() == frames[0]


def test_message_of_more_frames_is_cut_and_one_of_many_costs_its_connection(
    front: FrontProcess, client: zmq.Socket[bytes]
) -> None:
    client.send_multipart([b""] * 2 * MAX_FRAMES)
    assert len(next_message(front).frames) == MAX_FRAMES + 1
    before = front.pid
    with zmq.Context.instance().socket(zmq.DEALER) as hostile:
        hostile.setsockopt(zmq.LINGER, 0)
        monitor = hostile.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        hostile.connect(front.endpoint)
        hostile.send_multipart([b""] * 1_200_000)
        assert monitor.poll(1000 * PATIENCE_S)
        hostile.disable_monitor()
        monitor.close(linger=0)

    client.send(b"x")
    assert [bytes(frame) for frame in next_message(front).frames] == [b"x"]
    assert front.pid == before


def test_front_that_takes_too_much_memory_is_replaced(
    front: FrontProcess, client: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "MAX_RESIDENT_BYTES", 150 * 2**20)
    client.send(b"x")
    next_message(front)
    before = front.pid
    for _ in range(10):
        front.supervise()
        time.sleep(0.1)
    assert front.pid == before

    endpoint = socket.create_connection(("127.0.0.1", int(front.endpoint.rpartition(":")[2])))
    endpoint.sendall(greeting() + ready() + b"\x03" + (2**30).to_bytes(8, "big"))
    with suppress(OSError):
        endpoint.sendall(bytes(300 * 2**20))
    eventually(lambda: is_replaced(front, before))
    endpoint.close()


SERVER = """
import socket, time
from impasto_daemon.server.front.process import FrontProcess
listener = socket.create_server(("127.0.0.1", 0))
endpoint = "tcp://127.0.0.1:0"
front = FrontProcess(endpoint, listener, "info", time.monotonic, is_encrypted=False)
front.supervise()
print(front.pid, flush=True)
time.sleep(60)
"""


def test_front_ends_with_its_server() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        server.kill()

    eventually(lambda: not is_alive(pid))
