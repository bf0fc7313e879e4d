"""Messages by the thousand, mutated and random; jobs from many at once. `--thorough` for more."""

import random
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq

from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import decode, decode_header
from impasto_shared.protocol.messages import DaemonMessage, Preview, Update
from impasto_shared.protocol.reports import JobState
from integration.daemon_process import PATIENCE_S, DaemonProcess, wait_for
from integration.hostile_clients import admitted, greeting, ready
from integration.message_fuzzer import MessageFuzzer
from integration.scripted_jobs import MEGABYTE, last_report, rss_bytes, submit
from integration.scripted_worker import Behaviour, invert

MESSAGES, MANY_MESSAGES = 3000, 100_000
# Sent before the first reply is read.
AT_ONCE = 50
MESSAGES_OF_A_CONNECTION = 500

JOBS, MANY_JOBS = 160, 1000
CLIENTS = 8
JOBS_OF_A_CLIENT_AT_ONCE = 6

GROWTH = 6 * MEGABYTE


@pytest.fixture
def service() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


# Messages


def request_id(frames: list[bytes]) -> str | None:
    """Returns the part of a message that the reply must repeat."""
    try:
        identifier = decode_header(frames).get("id")
    except ImpastoError:
        return None
    is_valid = isinstance(identifier, str) and 1 <= len(identifier) <= 100
    return identifier if is_valid else None


def answers_to(connection: zmq.Socket[bytes], messages: list[list[bytes]]) -> list[str | None]:
    """Decodes every reply; yields the parts that they repeat, in their order."""
    for frames in messages:
        connection.send_multipart(frames)
    answers: list[str | None] = []
    while len(answers) < len(messages):
        assert connection.poll(int(PATIENCE_S * 1000)), "a message was not answered"
        message = decode(connection.recv_multipart(), DaemonMessage)
        if not isinstance(message, Update | Preview):
            answers.append(message.re)
    return answers


@pytest.mark.timeout(3600)
def test_mutated_and_random_messages_are_answered_one_by_one_and_memory_is_flat(
    service: DaemonProcess, is_thorough: bool
) -> None:
    fuzzer = MessageFuzzer(seed=20)
    count = MANY_MESSAGES if is_thorough else MESSAGES
    after_warming_bytes = 0
    for first in range(0, count, MESSAGES_OF_A_CONNECTION):
        with zmq.Context.instance().socket(zmq.DEALER) as connection:
            connection.setsockopt(zmq.LINGER, 0)
            connection.connect(service.endpoint)
            for _ in range(MESSAGES_OF_A_CONNECTION // AT_ONCE):
                messages = [fuzzer.frames() for _ in range(AT_ONCE)]
                expected = [request_id(frames) for frames in messages]
                # Those that wait for the disk may come later.
                assert Counter(answers_to(connection, messages)) == Counter(expected)
        if first == count // 3 // MESSAGES_OF_A_CONNECTION * MESSAGES_OF_A_CONNECTION:
            after_warming_bytes = rss_bytes(service.pid)

    with service.client() as client:
        for report in client.status().jobs:
            client.cancel(report.job)
        assert last_report(client, submit(client)).state is JobState.DONE
        assert client.status().pid == service.pid
    assert "a message of" not in service.log, "a message was not understood, but not refused either"
    assert 0 < rss_bytes(service.pid) < after_warming_bytes + GROWTH


def claim(endpoint: str, size: int) -> socket.socket:
    """Begins a frame of `size` bytes, of which most never arrive."""
    connection = admitted(endpoint)
    connection.sendall(b"\x02" + size.to_bytes(8, "big") + bytes(999))
    return connection


def test_bytes_of_no_protocol_do_no_harm(service: DaemonProcess) -> None:
    chance = random.Random(20)
    before_bytes = rss_bytes(service.pid)
    complete = greeting() + ready()
    beginnings = [b"", complete[:30], greeting(), complete[:70], complete]
    for number in range(200):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(service.endpoint.removeprefix("ipc://"))
            connection.sendall(beginnings[number % 5] + chance.randbytes(chance.randint(0, 500)))
    possible, impossible = (
        [claim(service.endpoint, size) for _ in range(4)] for size in (2**30, 2**62)
    )

    for connection in impossible:  # closed at once
        assert connection.recv(1) == b""
    for connection in possible:  # the rest of the frame is waited for
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    with service.client() as client:
        assert last_report(client, submit(client)).state is JobState.DONE
        assert rss_bytes(service.pid) < before_bytes + 2 * GROWTH
    for connection in (*possible, *impossible):
        connection.close()


# Jobs


def distinct_picture(client: int, number: int) -> Image:
    return Image(8, 8, PixelFormat.RGB_U8, (client.to_bytes(1) + number.to_bytes(2)) * 64)


def paint_many(daemon: DaemonProcess, number: int, count: int) -> None:
    """Submits jobs, several at once; checks that they end in order, each with its own picture."""
    contents: dict[str, Image] = {}
    ended: list[str] = []
    with daemon.client() as client:
        while len(ended) < count:
            while len(contents) < min(count, len(ended) + JOBS_OF_A_CLIENT_AT_ONCE):
                content = distinct_picture(number, len(contents))
                behaviour = (Behaviour.INVERT, Behaviour.ECHO)[len(contents) % 2]
                contents[submit(client, 0, behaviour, content)] = content
            finals = [report for report in client.poll(PATIENCE_S) if report.state.is_final]
            for report in finals:
                assert report.state is JobState.DONE, report
                is_echo = len(ended) % 2
                content = contents[report.job]
                expected = content if is_echo else invert(content)
                assert bytes(client.fetch(report.job).pixels) == bytes(expected.pixels)
                ended.append(report.job)
    assert ended == list(contents)


@pytest.mark.timeout(1200)
def test_many_jobs_of_eight_clients_are_done_in_order_and_memory_is_flat(
    service: DaemonProcess, is_thorough: bool
) -> None:
    count = MANY_JOBS if is_thorough else JOBS
    with service.client() as client, ThreadPoolExecutor(CLIENTS) as pool:
        painted = [
            pool.submit(paint_many, service, number, count // CLIENTS) for number in range(CLIENTS)
        ]
        wait_for(lambda: client.status().metrics.done >= count // 4, "a quarter of the jobs")
        worker = client.status().worker.pid
        assert worker is not None
        warm_bytes = [rss_bytes(pid) for pid in (service.pid, worker)]
        for future in painted:
            future.result()
        metrics = client.status().metrics
        end_bytes = [rss_bytes(pid) for pid in (service.pid, worker)]

    assert (metrics.done, metrics.failed, metrics.workers) == (count, 0, 1)
    for warm, end in zip(warm_bytes, end_bytes, strict=True):
        assert end < warm + GROWTH
