"""Replies of the daemon to messages that Impasto's own clients never send."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto_shared.errors import ErrorCode
from impasto_shared.protocol.codec import MAGIC, MAX_HEADER_BYTES
from impasto_shared.protocol.messages import Accepted, ErrorReply, Welcome
from integration.daemon_process import DaemonProcess, RawConnection

JOB = "0" * 32
HELLO: dict[str, Any] = {"type": "hello", "id": "7", "client": "test"}
PIXEL: dict[str, Any] = {"width": 1, "height": 1, "format": "R'G'B' u8"}
SUBMIT: dict[str, Any] = {
    "type": "submit",
    "id": "7",
    "job": JOB,
    "settings": {},
    "content": PIXEL,
    "styles": [{"image": PIXEL}],
}


def header(message: Any) -> bytes:
    return json.dumps(message).encode()


MALFORMED: dict[str, tuple[list[bytes], ErrorCode]] = {
    "nothing but an empty frame": ([b""], ErrorCode.UNSUPPORTED_VERSION),
    "another version": ([b"impasto/2", header(HELLO)], ErrorCode.UNSUPPORTED_VERSION),
    "a longer magic": ([MAGIC + b"0", header(HELLO)], ErrorCode.UNSUPPORTED_VERSION),
    "no header": ([MAGIC], ErrorCode.BAD_MESSAGE),
    "too many frames": ([MAGIC] * 30, ErrorCode.BAD_MESSAGE),
    "no JSON": ([MAGIC, b"\x80\x04K\x01."], ErrorCode.BAD_MESSAGE),
    "no object": ([MAGIC, b"[]"], ErrorCode.BAD_MESSAGE),
    "JSON without end": ([MAGIC, b"[" * 50_000], ErrorCode.BAD_MESSAGE),
    "a number that is none": ([MAGIC, b'{"type": NaN}'], ErrorCode.BAD_MESSAGE),
    "a huge header": ([MAGIC, b" " * (MAX_HEADER_BYTES + 1)], ErrorCode.TOO_LARGE),
    "no type": ([MAGIC, b"{}"], ErrorCode.UNKNOWN_TYPE),
    "a type that is a list": ([MAGIC, header({"type": []})], ErrorCode.UNKNOWN_TYPE),
    "a message of the daemon's": ([MAGIC, header({"type": "result"})], ErrorCode.UNKNOWN_TYPE),
    "no id": ([MAGIC, header({"type": "status"})], ErrorCode.BAD_MESSAGE),
    "a name with a terminal's commands": (
        [MAGIC, header(HELLO | {"client": "\x1b]0;GIMP\x07"})],
        ErrorCode.BAD_MESSAGE,
    ),
    "a name of two lines": (
        [MAGIC, header(HELLO | {"client": "GIMP\nan event that never was"})],
        ErrorCode.BAD_MESSAGE,
    ),
    "an endless name": ([MAGIC, header(HELLO | {"client": "x" * 101})], ErrorCode.BAD_MESSAGE),
    "an empty id": ([MAGIC, header({"type": "status", "id": ""})], ErrorCode.BAD_MESSAGE),
    "a job that is no name": (
        [MAGIC, header({"type": "cancel", "id": "7", "job": "../x"})],
        ErrorCode.BAD_MESSAGE,
    ),
    "a job that does not exist": (
        [MAGIC, header({"type": "cancel", "id": "7", "job": "f" * 32})],
        ErrorCode.UNKNOWN_JOB,
    ),
    "a pixel frame too many": ([MAGIC, header(HELLO), b"x"], ErrorCode.BAD_MESSAGE),
    "a pixel frame missing": ([MAGIC, header(SUBMIT), bytes(3)], ErrorCode.BAD_MESSAGE),
    "a pixel frame too short": (
        [MAGIC, header(SUBMIT), bytes(3), bytes(2)],
        ErrorCode.INVALID_IMAGE,
    ),
    "an image of 60000 × 60000": (
        [
            MAGIC,
            header(SUBMIT | {"content": PIXEL | {"width": 60_000, "height": 60_000}}),
            bytes(3),
            bytes(3),
        ],
        ErrorCode.INVALID_IMAGE,
    ),
    "an image of negative size": (
        [MAGIC, header(SUBMIT | {"content": PIXEL | {"width": -1}}), bytes(3), bytes(3)],
        ErrorCode.INVALID_IMAGE,
    ),
    "a format that is none": (
        [MAGIC, header(SUBMIT | {"content": PIXEL | {"format": "CMYK u8"}}), bytes(3), bytes(3)],
        ErrorCode.BAD_MESSAGE,
    ),
    "no style": (
        [MAGIC, header(SUBMIT | {"styles": []}), bytes(3)],
        ErrorCode.INVALID_IMAGE,
    ),
    "styles without end": (
        [MAGIC, header(SUBMIT | {"styles": [{"image": PIXEL}] * 9}), *[bytes(3)] * 10],
        ErrorCode.INVALID_IMAGE,
    ),
    "a region of another size than the photo": (
        [
            MAGIC,
            header(SUBMIT | {"styles": [{"image": PIXEL, "region": PIXEL | {"width": 2}}]}),
            *[bytes(3), bytes(3), bytes(6)],
        ],
        ErrorCode.INVALID_IMAGE,
    ),
    "layers that are none": (
        [MAGIC, header(SUBMIT | {"settings": {"style_layers": "1_1"}}), bytes(3), bytes(3)],
        ErrorCode.INVALID_SETTINGS,
    ),
    "a setting that is none": (
        [MAGIC, header(SUBMIT | {"settings": {"strength": 1}}), bytes(3), bytes(3)],
        ErrorCode.INVALID_SETTINGS,
    ),
    "a setting out of range": (
        [MAGIC, header(SUBMIT | {"settings": {"size": 10**9}}), bytes(3), bytes(3)],
        ErrorCode.INVALID_SETTINGS,
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_message_gets_an_error_and_the_daemon_continues(
    shared_daemon: DaemonProcess, name: str
) -> None:
    frames, code = MALFORMED[name]

    with RawConnection(shared_daemon.endpoint) as connection:
        refused = connection.ask(*frames)
        welcome = connection.ask(MAGIC, header(HELLO))

    assert isinstance(refused, ErrorReply)
    assert refused.problem.code is code, refused.problem.message
    assert isinstance(welcome, Welcome)


def test_error_names_the_request_and_the_setting(shared_daemon: DaemonProcess) -> None:
    order = header(SUBMIT | {"settings": {"iterations": -1}})

    with RawConnection(shared_daemon.endpoint) as connection:
        refused = connection.ask(MAGIC, order, bytes(3), bytes(3))

    assert (refused.re, refused.problem.field) == ("7", "iterations")
    assert refused.problem.message == "Iterations must lie between 0 and 10000; got -1."


def test_job_submitted_twice_runs_once(shared_daemon: DaemonProcess) -> None:
    order = header(SUBMIT | {"job": "ab" * 16, "settings": {"iterations": 1, "size": 32}})

    with RawConnection(shared_daemon.endpoint) as connection, shared_daemon.client() as client:
        known = len(client.status().jobs)
        answers = [connection.ask(MAGIC, order, bytes(3), bytes(3)) for _ in range(2)]
        jobs = client.status().jobs

    assert all(isinstance(answer, Accepted) for answer in answers)
    assert len(jobs) == known + 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
near_messages = st.builds(
    lambda base, changed, frames: [
        MAGIC,
        json.dumps(base | changed, ensure_ascii=True).encode(),
        *frames,
    ],
    st.sampled_from([HELLO, SUBMIT | {"settings": {"size": 0}}, {"type": "status", "id": "1"}]),
    st.dictionaries(st.sampled_from(["type", "id", "client", "job", "content"]), json_values),
    st.lists(st.binary(max_size=8), max_size=3),
)


@given(frames=st.lists(st.binary(max_size=64), min_size=1, max_size=5) | near_messages)
@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_arbitrary_frames_are_answered(shared_daemon: DaemonProcess, frames: list[bytes]) -> None:
    with RawConnection(shared_daemon.endpoint) as connection:
        connection.ask(*frames)
        welcome = connection.ask(MAGIC, header(HELLO))

    assert isinstance(welcome, Welcome)
