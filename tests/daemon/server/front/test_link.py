from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_daemon.server.front import link as link_module
from impasto_daemon.server.front.link import Kind, Link, LinkBroken, Packet
from impasto_shared.protocol.codec import MAX_FRAMES

LONG = bytes(range(256)) * 4000


@pytest.fixture
def ends() -> Iterator[tuple[Link, Link]]:
    near, far = Link.pair()
    other = Link(far)
    yield near, other
    near.close()
    other.close()


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


@pytest.mark.parametrize(
    "frames",
    [[], [b""], [b"a", b"", b"bc"], [b"a", LONG, b""], [LONG, LONG], [b"x"] * (MAX_FRAMES + 1)],
    ids=["none", "empty", "short", "long", "two long", "too many"],
)
def test_message_arrives_as_it_was_sent(ends: tuple[Link, Link], frames: list[bytes]) -> None:
    near, other = ends
    before = descriptors()

    assert near.send(Packet(Kind.MESSAGE, b"\0address", frames, user="ädä")).is_over
    packet = other.receive()

    assert packet is not None
    assert (packet.kind, packet.address, packet.user) == (Kind.MESSAGE, b"\0address", "ädä")
    assert [bytes(frame) for frame in packet.frames] == frames
    assert other.receive() is None
    del packet
    assert descriptors() == before


def test_contents_cannot_be_changed_or_cut_while_they_are_in_use(ends: tuple[Link, Link]) -> None:
    near, other = ends
    near.send(Packet(Kind.MESSAGE, b"a", [LONG]))
    packet = other.receive()
    assert packet is not None
    (mapped,) = (entry for entry in Path("/proc/self/fd").iterdir() if is_memory(entry))

    with mapped.open("r+b", buffering=0) as file:
        with pytest.raises(PermissionError):
            file.write(b"x")
        with pytest.raises(PermissionError):
            file.truncate(0)


def is_memory(entry: Path) -> bool:
    return entry.exists() and "impasto-message" in str(entry.readlink())


def test_link_that_is_full_sends_nothing_more_and_does_not_wait(ends: tuple[Link, Link]) -> None:
    near, other = ends
    sent = 0
    while near.send(Packet(Kind.MESSAGE, b"a", [str(sent).encode(), LONG])).is_over:
        sent += 1
    received = 0
    while packet := other.receive():
        assert bytes(packet.frames[0]) == str(received).encode()
        received += 1

    assert received == sent > 1
    assert near.send(Packet(Kind.OUTCOME, b"a", outcome=1)).is_over


def test_end_of_the_other_side_is_noticed_after_its_last_message(ends: tuple[Link, Link]) -> None:
    near, other = ends
    near.send(Packet(Kind.OUTCOME, b"a", outcome=2))
    near.finish()

    assert other.receive() == Packet(Kind.OUTCOME, b"a", [], outcome=2)
    with pytest.raises(LinkBroken):
        other.receive()
    other.close()
    with pytest.raises(LinkBroken):
        near.receive()


HEAD = struct.Struct("<BBBBH")


@pytest.mark.parametrize(
    "words",
    [
        b"?",
        HEAD.pack(9, 0, 0, 0, 0),
        HEAD.pack(1, 0, 0, 0, 2) + struct.pack("<Q", 1) + b"x",
        HEAD.pack(1, 0, 0, 0, 1) + struct.pack("<Q", 3) + b"xx",
        HEAD.pack(1, 0, 0, 0, 1) + struct.pack("<Q", 2**62),
        HEAD.pack(1, 0, 0, 0, 1) + struct.pack("<Q", 2**20),
        HEAD.pack(1, 0, 0, 0, 60_000),
        HEAD.pack(1, 0, 0, 2, 0) + b"\xff\xff",
    ],
    ids=["no head", "kind", "sizes", "too short", "too long", "no memory", "count", "user"],
)
def test_packet_of_a_front_that_is_out_of_order_breaks_the_link(words: bytes) -> None:
    near, far = Link.pair()
    with far:
        far.send(words)
        with pytest.raises(LinkBroken):
            near.receive()
    near.close()


def test_memory_that_the_other_side_could_truncate_is_refused(tmp_path: Path) -> None:
    near, far = Link.pair()
    path = tmp_path / "file"
    path.write_bytes(LONG)
    words = HEAD.pack(1, 0, 0, 0, 1) + struct.pack("<Q", len(LONG))
    before = descriptors()
    with far, path.open("rb") as file:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))]
        far.sendmsg([words], rights)
        with pytest.raises(LinkBroken):
            near.receive()
    near.close()
    assert descriptors() <= before
    assert path.stat().st_size == len(LONG)


def sealed_memory(size: int, seals: int) -> int:
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(descriptor, bytes(size))
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


ALL_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


@pytest.mark.parametrize(
    ("size", "seals"),
    [
        (len(LONG) - 1, ALL_SEALS),
        (len(LONG) + 1, ALL_SEALS),
        (len(LONG), ALL_SEALS & ~fcntl.F_SEAL_SHRINK),
        (len(LONG), ALL_SEALS & ~fcntl.F_SEAL_WRITE),
        (len(LONG), 0),
    ],
    ids=["too small", "too large", "can shrink", "can change", "not sealed"],
)
def test_memory_of_another_size_or_with_other_seals_is_refused(size: int, seals: int) -> None:
    near, far = Link.pair()
    descriptor = sealed_memory(size, seals)
    words = HEAD.pack(1, 0, 0, 0, 1) + struct.pack("<Q", len(LONG))
    with far:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        far.sendmsg([words], rights)
        with pytest.raises(LinkBroken, match="memory that"):
            near.receive()
    os.close(descriptor)
    near.close()


def test_memory_of_the_right_size_and_seals_is_taken() -> None:
    near, far = Link.pair()
    descriptor = sealed_memory(len(LONG), ALL_SEALS)
    words = HEAD.pack(1, 0, 0, 0, 1) + struct.pack("<Q", len(LONG))
    with far:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        far.sendmsg([words], rights)
        packet = near.receive()
    os.close(descriptor)
    near.close()

    assert packet is not None
    assert bytes(packet.frames[0]) == bytes(len(LONG))


def test_long_message_is_copied_part_by_part(
    ends: tuple[Link, Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "_COPIED_BYTES_OF_A_CALL", 2**20)
    near, far = ends
    frames = [os.urandom(5 * 2**19), b"", os.urandom(3 * 2**20)]
    sending = near.send(Packet(Kind.MESSAGE, b"a", frames))
    for _ in range(4):
        assert sending.is_copying
        assert far.receive() is None
        assert near.send(Packet(Kind.OUTCOME, b"b", outcome=1)).is_over  # others overtake it
        other = far.receive()
        assert other is not None
        assert other.address == b"b"
        assert not sending.advance()

    assert sending.advance()
    received = far.receive()
    assert received is not None
    assert [bytes(frame) for frame in received.frames] == frames


def test_message_that_is_given_up_leaves_no_descriptor(ends: tuple[Link, Link]) -> None:
    before = descriptors()
    sending = ends[0].send(Packet(Kind.MESSAGE, b"a", [bytes(2**24)]))
    assert sending.is_copying

    sending.cancel()
    assert descriptors() == before
