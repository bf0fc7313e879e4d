"""The state machine against streams of bytes; test_local_socket.py has libzmq at the other end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto_shared.connection.zmtp import MAX_COMMAND_BYTES, ZmtpConnection, ZmtpError
from shared.connection.zmtp_peer import (
    SIGNATURE,
    command,
    drain,
    feed,
    greeting,
    message,
    properties,
    ready,
)

LIMIT = 20_000
# Around the sizes at which frames become long ones, and are received without a copy.
SIZES = st.sampled_from([0, 1, 254, 255, 256, 257, 8190, 8192, 8193, LIMIT])
FRAMES = st.builds(lambda size, seed: random.Random(seed).randbytes(size), SIZES, st.integers(0, 9))
MESSAGES = st.lists(FRAMES, min_size=1, max_size=4)

PARTS = st.sampled_from([1, 7, 63, 64, 65, 1000, 8193, 65_536, 2**20])
PROPERTY = settings(
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def opened(*, is_ready: bool = True) -> ZmtpConnection:
    connection = ZmtpConnection(LIMIT, max_frames=6)
    if is_ready:
        feed(connection, greeting() + ready())
    return connection


def received(connection: ZmtpConnection) -> list[list[bytes]]:
    """Takes the messages that have arrived."""
    messages = [[bytes(frame) for frame in each] for each in connection.messages]
    connection.messages.clear()
    return messages


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@PROPERTY
@given(
    st.lists(MESSAGES, max_size=4),
    st.booleans(),
    PARTS,
)
def test_messages_arrive_whatever_the_parts(
    messages: list[list[bytes]], is_long: bool, part_bytes: int
) -> None:
    ping = command(b"PING", bytes(2), is_long=is_long)
    stream = greeting() + ready() + b"".join(message(*m, is_long=is_long) + ping for m in messages)
    connection = opened(is_ready=False)

    feed(connection, stream, part_bytes)

    assert received(connection) == messages


@PROPERTY
@given(st.lists(MESSAGES, max_size=3), PARTS, PARTS)
def test_two_ends_understand_each_other(
    messages: list[list[bytes]], sent_bytes: int, received_bytes: int
) -> None:
    left, right = opened(is_ready=False), opened(is_ready=False)
    for each in messages:
        left.send(each)  # before the connection is agreed on
    while left.outgoing() or right.outgoing():
        feed(right, drain(left, sent_bytes), received_bytes)
        feed(left, drain(right, sent_bytes), received_bytes)
    for each in messages:
        right.send(each)
    feed(left, drain(right, sent_bytes), received_bytes)

    assert received(right) == messages
    assert received(left) == messages


@PROPERTY
@given(st.binary(max_size=300), st.integers(0, 3), st.integers(1, 80))
def test_random_bytes_cause_no_other_error(noise: bytes, stage: int, part_bytes: int) -> None:
    before = (b"", SIGNATURE, greeting(), greeting() + ready())[stage]
    connection = opened(is_ready=False)

    try:
        feed(connection, before + noise, part_bytes)
    except ZmtpError as error:
        assert str(error).startswith("It ")  # noqa: PT017 - only some noise is an error
    assert connection.unsent_buffers < 4


@PROPERTY
@given(st.integers(0, 400), st.integers(0, 255))
def test_changed_byte_causes_no_other_error(position: int, value: int) -> None:
    stream = bytearray(
        greeting() + ready() + message(b"ab", bytes(256)) + command(b"PING", b"\0\0context")
    )
    stream[position % len(stream)] = value
    connection = opened(is_ready=False)

    try:
        feed(connection, bytes(stream))
    except ZmtpError as error:
        assert str(error).startswith("It ")  # noqa: PT017 - only some changes are an error


@pytest.mark.parametrize("version", [b"\x03\x00", b"\x03\x01", b"\x04\x00"])
def test_peer_of_a_later_version_is_accepted(version: bytes) -> None:
    connection = opened(is_ready=False)

    feed(connection, greeting(version) + ready() + message(b"picture"))

    assert received(connection) == [[b"picture"]]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        pytest.param(b"\x01", "does not speak ZMTP 3", id="ZMTP 1"),
        pytest.param(b"H", "does not speak ZMTP 3", id="HTTP"),
        pytest.param(b"\xff" + bytes(9), "does not speak ZMTP 3", id="a signature cut off"),
        pytest.param(SIGNATURE + b"\x01", "an older version of ZMTP", id="ZMTP 2"),
        pytest.param(greeting(mechanism=b"CURVE"), "security mechanism “CURVE”", id="CURVE"),
        pytest.param(greeting() + message(b"a"), "before the connection", id="early message"),
        pytest.param(greeting() + command(b"HELLO"), "“HELLO” instead of READY", id="HELLO"),
        pytest.param(greeting() + command(b""), "without a name", id="nameless command"),
        pytest.param(greeting() + b"\x04\x00", "without a name", id="empty command"),
        pytest.param(greeting() + b"\x04\x02\x09R", "without a name", id="name cut off"),
        pytest.param(greeting() + ready(b"PUB"), "of the type “PUB”", id="PUB"),
        pytest.param(greeting() + command(b"READY"), "of the type “”", id="no type"),
        pytest.param(greeting() + command(b"READY", b"\x01a"), "cut off", id="no value"),
        pytest.param(
            greeting() + command(b"READY", properties((b"a", b"b"))[:-1]), "cut off", id="value"
        ),
        pytest.param(
            greeting() + command(b"READY", properties((b"", b"b"))), "cut off", id="no name"
        ),
        pytest.param(
            greeting() + command(b"ERROR", b"\x08\x1b[2J no!"), "refuses the connection: “.2J no!”",
            id="ERROR",
        ),
        pytest.param(
            greeting() + ready() + command(b"ERROR", b"\x03end"), "ends the connection: “end”",
            id="later ERROR",
        ),
        pytest.param(greeting() + ready() + b"\x08", "the flags 8", id="unknown flag"),
        pytest.param(greeting() + ready() + b"\x05", "the flags 5", id="command in two frames"),
        pytest.param(
            greeting() + ready() + b"\x02" + (LIMIT + 1).to_bytes(8, "big"),
            "20001 bytes; the limit is 20000",
            id="long frame",
        ),
        pytest.param(
            greeting() + b"\x06" + (MAX_COMMAND_BYTES + 1).to_bytes(8, "big"),
            "the limit is 65536",
            id="long command",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("part_bytes", [1, 1000])
def test_what_no_daemon_sends_is_refused_as_soon_as_it_is_known(
    stream: bytes, reason: str, part_bytes: int
) -> None:
    connection = opened(is_ready=False)
    feed(connection, stream[:-1], part_bytes)

    with pytest.raises(ZmtpError, match=reason):
        feed(connection, stream[-1:])


def test_names_of_properties_have_no_case_and_others_do_not_matter() -> None:
    connection = opened(is_ready=False)

    data = properties((b"SOCKET-TYPE", b"ROUTER"), (b"X-Other", bytes(1000)), (b"Identity", b""))
    feed(connection, greeting() + command(b"READY", data) + message(b"picture"))

    assert received(connection) == [[b"picture"]]


def test_own_stream_is_that_of_a_dealer() -> None:
    connection = opened(is_ready=False)
    connection.send([b"magic", b"", bytes(256)])

    assert drain(connection) == greeting()
    feed(connection, greeting())
    assert drain(connection) == ready(b"DEALER", (b"Identity", b""))
    feed(connection, ready())
    assert drain(connection) == message(b"magic", b"", bytes(256))


def test_long_frame_is_sent_without_a_copy() -> None:
    pixels = bytes(LIMIT)
    connection = opened()
    drain(connection)
    connection.send([b"header", memoryview(pixels), b"more"])

    assert [buffer.obj is pixels for buffer in connection.outgoing()] == [False, True, False]


def test_claimed_size_of_a_frame_takes_no_memory() -> None:
    connection = ZmtpConnection(2**30, max_frames=6)
    feed(connection, greeting() + ready())
    before = resident_bytes()

    feed(connection, b"\x02" + (2**30).to_bytes(8, "big") + bytes(2**20))

    assert resident_bytes() - before < 2**25


def test_frame_that_does_not_fit_into_memory_is_refused() -> None:
    connection = ZmtpConnection(2**62, max_frames=6)
    feed(connection, greeting() + ready())

    with pytest.raises(ZmtpError, match="do not fit into the memory"):
        feed(connection, b"\x02" + (2**62).to_bytes(8, "big"))


def test_of_too_many_frames_one_too_many_is_kept() -> None:
    connection = opened()

    feed(connection, message(*[bytes([number]) for number in range(200)]) + message(b"next"))

    first, second = received(connection)
    assert first == [bytes([number]) for number in (0, 1, 2, 3, 4, 5, 199)]
    assert second == [b"next"]


def test_ping_is_answered_after_the_message_being_sent() -> None:
    connection = opened()
    drain(connection)
    connection.send([b"header", bytes(LIMIT)])
    connection.sent(1000)

    feed(connection, command(b"PING", b"\0\x01" + b"0123456789abcdef too long"))

    assert drain(connection) == message(b"header", bytes(LIMIT))[1000:] + command(
        b"PONG", b"0123456789abcdef"
    )


def test_peer_that_pings_without_reading_fills_no_memory() -> None:
    connection = opened()
    drain(connection)
    feed(connection, command(b"PING", b"\0\0first"))
    connection.sent(1)  # of the answer, a part is sent

    feed(connection, command(b"PING", b"\0\0") * 10_000)

    assert drain(connection) == command(b"PONG", b"first")[1:]
    feed(connection, command(b"PING", b"\0\0last"))
    assert drain(connection) == command(b"PONG", b"last")


def test_commands_of_future_versions_and_answers_are_ignored() -> None:
    connection = opened()

    feed(connection, command(b"PONG", b"a") + command(b"NEWS", bytes(3000)) + message(b"picture"))

    assert received(connection) == [[b"picture"]]
