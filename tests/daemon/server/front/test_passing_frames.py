from __future__ import annotations

import struct

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.front.delivery import FRAMES_IN_EXCESS
from impasto_daemon.server.front.passing_frames import PassingFrames
from impasto_shared.connection.zmtp import MAX_COMMAND_BYTES, ZmtpError
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES
from integration.hostile_clients import greeting, ready

MOST = MAX_FRAMES + FRAMES_IN_EXCESS
HANDSHAKE = greeting() + ready()
EMPTY_AND_MORE = b"\x01\x00"
# The first two commands of a client with a key (RFC 26).
ENCRYPTED_HANDSHAKE = (
    greeting(b"CURVE") + b"\x04\xc8" + bytes(200) + b"\x06" + struct.pack(">Q", 257) + bytes(257)
)


def long_frame(size: int) -> bytes:
    """Returns the header of a frame."""
    return b"\x02" + struct.pack(">Q", size)


@pytest.fixture
def passing(clock: FakeClock) -> PassingFrames:
    return PassingFrames(is_encrypted=False, clock=clock)


def passed(passing: PassingFrames, data: bytes, part: int | None = None) -> int:
    """Returns how many of the bytes pass, which arrive in parts."""
    total = 0
    for begin in range(0, len(data), part or len(data)):
        piece = memoryview(data)[begin : begin + (part or len(data))]
        total += passing.count(piece)
    return total


@pytest.mark.parametrize("part", [1, 7, 100, None])
def test_messages_pass_in_whatever_parts_they_arrive(
    passing: PassingFrames, part: int | None
) -> None:
    data = HANDSHAKE + b"\x01\x03abc" + long_frame(1000) + bytes(1000) + b"\x00\x00"

    assert passed(passing, data, part) == len(data)
    assert passing.unfinished_bytes == len(data)
    passing.note_message()
    assert passing.unfinished_bytes == 0


def test_no_more_frames_pass_than_a_message_may_have(passing: PassingFrames) -> None:
    data = HANDSHAKE + EMPTY_AND_MORE * 2 * MOST

    assert passed(passing, data) == len(HANDSHAKE) + len(EMPTY_AND_MORE) * (MOST - 1)
    assert passing.count(memoryview(EMPTY_AND_MORE)) == 0


def test_frames_pass_again_after_a_message(passing: PassingFrames) -> None:
    passed(passing, HANDSHAKE + EMPTY_AND_MORE * 2 * MOST)
    passing.note_message()

    assert passed(passing, EMPTY_AND_MORE * 2 * MOST) == len(EMPTY_AND_MORE) * MOST


def test_pings_of_a_client_that_sends_no_messages_pass_for_ever(
    passing: PassingFrames, clock: FakeClock
) -> None:
    passed(passing, HANDSHAKE)
    for _ in range(10 * MOST):
        clock.now_s += 1.0
        assert passing.count(memoryview(b"\x04\x07\x04PING\x00\x00")) == 9


def test_rest_of_a_frame_passes_without_being_counted(passing: PassingFrames) -> None:
    passed(passing, HANDSHAKE + EMPTY_AND_MORE * (MOST - 2) + long_frame(5000))

    assert passed(passing, bytes(5000), 10) == 5000
    assert passing.count(memoryview(EMPTY_AND_MORE)) == 0


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
        b"\xff" + bytes(9),  # not the end of a signature
        greeting()[:10] + b"\x01",  # ZMTP 2
        b"\xff" + bytes(8) + b"\x7f\x00",
        HANDSHAKE + b"\x08",
        HANDSHAKE + b"\xff",
        HANDSHAKE + long_frame(MAX_FRAME_BYTES + 1),
        greeting() + long_frame(MAX_COMMAND_BYTES + 1),
    ],
)
def test_what_no_client_sends_is_an_error(passing: PassingFrames, data: bytes) -> None:
    with pytest.raises(ZmtpError):
        passing.count(memoryview(data))


def test_largest_frame_passes_with_its_encryption(clock: FakeClock) -> None:
    passing = PassingFrames(is_encrypted=True, clock=clock)
    data = ENCRYPTED_HANDSHAKE + long_frame(MAX_FRAME_BYTES + 33)
    assert passed(passing, data) == len(data)
    stranger = PassingFrames(is_encrypted=True, clock=clock)
    stranger.count(memoryview(ENCRYPTED_HANDSHAKE[:266]))
    with pytest.raises(ZmtpError):
        stranger.count(memoryview(long_frame(MAX_COMMAND_BYTES + 1)))


def test_greeting_is_recognised_by_its_first_bytes(passing: PassingFrames) -> None:
    passing.count(memoryview(greeting()[:9]))
    assert not passing.is_greeting
    passing.count(memoryview(greeting()[9:10]))
    assert passing.is_greeting
