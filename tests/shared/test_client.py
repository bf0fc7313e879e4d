"""The client against misbehaving daemons; tests/integration has a real one."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from impasto_shared.client import Client
from impasto_shared.connection import patience, watched_jobs
from impasto_shared.errors import (
    DaemonError,
    DaemonUnavailable,
    ErrorCode,
    InvalidImage,
    ProtocolError,
)
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import MAGIC, MAX_FRAMES, encode
from impasto_shared.protocol.messages import (
    Accepted,
    ErrorReply,
    Hello,
    Preview,
    PreviewOptions,
    Submit,
    Update,
)
from impasto_shared.protocol.reports import JobState, Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import free_address
from shared.fake_daemon import LIMITS, daemon, report, welcome

PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))


@pytest.fixture
def socket_endpoint() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="impasto-test-") as folder:
        yield f"ipc://{folder}/daemon.sock"


@pytest.fixture(params=["ipc", "tcp"])
def endpoint(request: pytest.FixtureRequest, socket_endpoint: str) -> str:
    return socket_endpoint if request.param == "ipc" else free_address()


def test_absent_socket_means_no_daemon(socket_endpoint: str) -> None:
    with pytest.raises(DaemonUnavailable, match="No Impasto daemon is running"):
        Client.connect(socket_endpoint, name="test")


def test_stale_socket_means_no_daemon(socket_endpoint: str) -> None:
    Path(socket_endpoint.removeprefix("ipc://")).touch()

    with pytest.raises(DaemonUnavailable, match="No Impasto daemon answers"):
        Client.connect(socket_endpoint, name="test", timeout_s=0.2)


def test_silent_daemon_is_given_up(endpoint: str) -> None:
    with daemon(endpoint, lambda _: []), pytest.raises(DaemonUnavailable, match="answers at"):
        Client.connect(endpoint, name="test", timeout_s=0.2)


@pytest.mark.parametrize("endpoint", ["nonsense", "tcp://127.0.0.1:port"])
def test_malformed_address_is_reported(endpoint: str) -> None:
    with pytest.raises(DaemonUnavailable, match="is not an address"):
        Client.connect(endpoint, name="test")


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        (b"impasto/2", "speaks impasto/2, and this program impasto/1. Update the older one, this"),
        (b"impasto/10", "Update the older one, this program: install the newer"),
        (
            b"impasto/0",
            "Update the older one, the daemon: install the newer Impasto, and restart it",
        ),
        (b"other/1", "no message of Impasto"),
    ],
)
def test_daemon_of_another_version_is_reported_with_what_to_update(
    endpoint: str, version: bytes, advice: str
) -> None:
    with (
        daemon(endpoint, lambda _: [[version, b"{}"]]),
        pytest.raises(ProtocolError, match=advice) as caught,
    ):
        Client.connect(endpoint, name="test")

    assert caught.value.code is ErrorCode.UNSUPPORTED_VERSION


def test_error_of_the_daemon_is_raised_with_its_code_and_field(endpoint: str) -> None:
    problem = Problem(ErrorCode.QUEUE_FULL, "Too many jobs.", "job")

    def refuse(message: Any) -> list[Any]:
        return [welcome(message) if isinstance(message, Hello) else ErrorReply(message.id, problem)]

    with (
        daemon(endpoint, refuse),
        Client.connect(endpoint, name="test") as client,
        pytest.raises(DaemonError, match="Too many jobs") as caught,
    ):
        client.submit(PIXEL, [Style(PIXEL)], StyleSettings())

    assert (caught.value.code, caught.value.field) == (ErrorCode.QUEUE_FULL, "job")


def test_error_without_an_id_ends_the_request(endpoint: str) -> None:
    problem = Problem(ErrorCode.BAD_MESSAGE, "Unreadable.")

    def refuse(message: Any) -> list[Any]:
        return [welcome(message) if isinstance(message, Hello) else ErrorReply(None, problem)]

    with (
        daemon(endpoint, refuse),
        Client.connect(endpoint, name="test") as client,
        pytest.raises(DaemonError, match="Unreadable"),
    ):
        client.status()


@pytest.mark.parametrize(
    "image",
    [
        Image(5, 1, PixelFormat.RGB_U8, bytes(15)),
        Image(1, 1, PixelFormat.RGBA_FLOAT, bytes(16)),
    ],
)
def test_image_beyond_the_limits_of_the_daemon_is_not_sent(endpoint: str, image: Image) -> None:
    with (
        daemon(endpoint, lambda message: [welcome(message)]),
        Client.connect(endpoint, name="test") as client,
        pytest.raises(InvalidImage, match="larger than this daemon accepts"),
    ):
        client.submit(image, [Style(PIXEL)], StyleSettings())


def test_updates_before_a_reply_stay_in_order(endpoint: str) -> None:
    def answer(message: Any) -> list[Any]:
        if isinstance(message, Hello):
            return [welcome(message)]
        assert isinstance(message, Submit)
        before, after = report(message.job), report(message.job, JobState.DONE)
        return [Update(before), Accepted(message.id, before), Update(after)]

    with daemon(endpoint, answer), Client.connect(endpoint, name="test") as client:
        job = client.submit(PIXEL, [Style(PIXEL)], StyleSettings())
        states = [update.state for update in client.updates(job)]

    assert states == [JobState.RUNNING, JobState.DONE]


def test_updates_of_two_jobs_are_separated(endpoint: str) -> None:
    def answer(message: Any) -> list[Any]:
        if isinstance(message, Hello):
            return [welcome(message)]
        done = report(message.job, JobState.DONE)
        return [Accepted(message.id, done), Update(done)]

    with daemon(endpoint, answer), Client.connect(endpoint, name="test") as client:
        first, second = (client.submit(PIXEL, [Style(PIXEL)], StyleSettings()) for _ in range(2))

        assert [update.job for update in client.updates(second)] == [second]
        assert [update.job for update in client.updates(first)] == [first]


def test_message_of_too_many_frames_is_refused(endpoint: str) -> None:
    with (
        daemon(endpoint, lambda _: [[MAGIC, b"{}", *[b""] * 1000]]),
        pytest.raises(ProtocolError, match=f"2 to {MAX_FRAMES} frames"),
    ):
        Client.connect(endpoint, name="test")


def test_flood_of_updates_takes_no_memory_and_loses_no_end_of_a_job(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_jobs, "_MAX_UNREAD", 10)

    def answer(message: Any) -> list[Any]:
        if isinstance(message, Hello):
            return [welcome(message)]
        running = report(message.job)
        others = [Update(report(f"{number:032x}")) for number in range(100)]
        ended = [Update(report(message.job, JobState.DONE))]
        return [*others, *[Update(running)] * 100, *ended, Accepted(message.id, running)]

    with daemon(endpoint, answer), Client.connect(endpoint, name="test") as client:
        job = client.submit(PIXEL, [Style(PIXEL)], StyleSettings())
        reports = client.poll()

    assert [update.job for update in reports] == [job] * 10
    assert reports[-1].state is JobState.DONE


def test_messages_of_newer_daemons_are_ignored(endpoint: str) -> None:
    unheard_of = [MAGIC, b'{"type": "unheard-of"}']

    def answer(message: Any) -> list[Any]:
        if isinstance(message, Hello):
            return [unheard_of, welcome(message)]
        done = report(message.job, JobState.DONE)
        return [unheard_of, Accepted(message.id, done), unheard_of, Update(done)]

    with daemon(endpoint, answer), Client.connect(endpoint, name="test") as client:
        job = client.submit(PIXEL, [Style(PIXEL)], StyleSettings())

        assert [update.state for update in client.updates(job)] == [JobState.DONE]


def test_latest_preview_of_a_job_is_returned_once(endpoint: str) -> None:
    first, last, other = (Image(1, 1, PixelFormat.RGB_U8, bytes([value] * 3)) for value in range(3))

    def answer(message: Any) -> list[Any]:
        if isinstance(message, Hello):
            return [welcome(message)]
        if not isinstance(message, Submit):
            return []  # over a network, the job is cancelled at the end
        assert message.previews == PreviewOptions(64, 0.25)
        return [
            Accepted(message.id, report(message.job)),
            Preview(message.job, 1, first),
            Preview(message.job, 2, last),
            Preview("b" * 32, 3, other),
            Update(report(message.job)),
        ]

    with daemon(endpoint, answer), Client.connect(endpoint, name="test") as client:
        job = client.submit(PIXEL, [Style(PIXEL)], StyleSettings(), PreviewOptions(64, 0.25))
        assert next(client.updates(job)).state is JobState.RUNNING
        first_call, second_call, unwatched = (
            client.take_preview(name) for name in (job, job, "b" * 32)
        )

    assert first_call is not None
    assert bytes(first_call.pixels) == bytes(last.pixels)
    assert second_call is None
    assert unwatched is None


def test_daemon_that_falls_silent_during_a_job_is_given_up(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_SHORTEST_PATIENCE_S", 0.0)
    limits = replace(LIMITS, lease_s=0.3)

    def answer(message: Any) -> list[Any]:
        if isinstance(message, Hello):
            return [replace(welcome(message), limits=limits)]
        return [Accepted(message.id, report(message.job))]

    with daemon(endpoint, answer), Client.connect(endpoint, name="test") as client:
        job = client.submit(PIXEL, [Style(PIXEL)], StyleSettings())
        with pytest.raises(DaemonUnavailable, match="in the middle of the job"):
            list(client.updates(job))


def test_first_frame_is_the_version() -> None:
    assert encode(Hello("1", "test"))[0] == MAGIC == b"impasto/1"
