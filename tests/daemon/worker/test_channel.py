from __future__ import annotations

import errno
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_daemon.worker.channel import Channel
from impasto_daemon.worker.messages import Loaded, Painted, Stop, WorkerMessage
from impasto_daemon.worker.pipe import MessagePipe, PipeEnded
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import MAGIC, decode, encode

PICTURE = Image(4000, 1500, PixelFormat.RGBA_U8, bytes(range(250)) * 96_000)


@pytest.fixture
def ends() -> Iterator[tuple[MessagePipe, Channel]]:
    """The server's end of a pipe, and the worker's."""
    server, far = MessagePipe.pair()
    yield server, Channel(MessagePipe(far))
    server.close()
    far.close()


def received(server: MessagePipe) -> WorkerMessage | None:
    frames = server.receive()
    return None if frames is None else decode(frames, WorkerMessage)


def next_message(server: MessagePipe) -> WorkerMessage:
    while (message := received(server)) is None:
        pass
    return message


def agree(server: MessagePipe, channel: Channel) -> None:
    """Exchanges the greetings."""
    for _ in range(2):
        assert received(server) is None
        assert not channel.has_pending()


def test_messages_cross_the_pipe_in_both_directions(ends: tuple[MessagePipe, Channel]) -> None:
    server, channel = ends
    stops = [Stop(job * 32) for job in "abc"]
    assert server.send(encode(stops[0]))  # which waits for the greeting of the worker
    assert not server.send(encode(stops[1]))
    assert received(server) is None
    assert not channel.has_pending()
    assert received(server) is None

    channel.send(Loaded("CPU", "vgg19"))
    for stop in stops[1:]:
        assert server.send(encode(stop))

    assert received(server) == Loaded("CPU", "vgg19")
    assert channel.receive() == stops[0]
    assert channel.has_pending()
    assert channel.receive_pending() == stops[1:]
    assert not channel.has_pending()


def test_worker_waits_for_a_server_that_is_behind(ends: tuple[MessagePipe, Channel]) -> None:
    server, channel = ends
    messages = [Loaded("CPU", f"{number}" * 500) for number in range(1000)]

    def send_all() -> None:
        for message in messages:
            channel.send(message)
        channel.send(Painted("a" * 32, PICTURE))

    sender = threading.Thread(target=send_all)
    sender.start()
    arrived = [next_message(server) for _ in range(len(messages) + 1)]
    sender.join()

    assert arrived[:-1] == messages
    painted = arrived[-1]
    assert isinstance(painted, Painted)
    assert bytes(painted.image.pixels) == PICTURE.pixels


def test_server_does_not_wait_for_a_worker_that_does_not_read(
    ends: tuple[MessagePipe, Channel],
) -> None:
    server, channel = ends
    agree(server, channel)
    run = [MAGIC, b"{}", bytes(2**26)]

    assert server.send(run)
    assert server.has_unsent
    assert not server.send(run)
    assert server.events == select.POLLIN | select.POLLOUT


def test_worker_notices_the_end_of_its_server(ends: tuple[MessagePipe, Channel]) -> None:
    server, channel = ends
    agree(server, channel)
    server.send(encode(Stop("a" * 32)))
    channel.send(Loaded("CPU", "unread"))
    server.close()

    assert channel.receive() == Stop("a" * 32)
    with pytest.raises(PipeEnded):
        channel.receive()


def test_server_hears_the_last_words_of_a_worker_that_exits() -> None:
    server, far = MessagePipe.pair()
    channel = Channel(MessagePipe(far))
    agree(server, channel)
    server.send(encode(Stop("a" * 32)))  # not read
    channel.send(Loaded("CPU", "vgg19"))
    far.close()

    server.send(encode(Stop("b" * 32)))
    assert not server.send(encode(Stop("c" * 32)))
    assert received(server) == Loaded("CPU", "vgg19")
    with pytest.raises(PipeEnded):
        received(server)
    server.close()


@pytest.mark.parametrize("code", [errno.ENOMEM, errno.ENOBUFS])
def test_want_of_memory_delays_a_message(
    ends: tuple[MessagePipe, Channel], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    server, channel = ends
    agree(server, channel)

    def refuse(*_: object) -> int:
        raise OSError(code, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "sendmsg", refuse)
        patch.setattr(socket.socket, "recv_into", refuse)
        assert server.send(encode(Stop("a" * 32)))
        assert received(server) is None
        assert server.has_unsent
    server.transfer()

    assert channel.receive() == Stop("a" * 32)


def test_pair_that_cannot_be_used_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOBUFS, "No buffer space available")

    before = set(Path("/proc/self/fd").iterdir())
    monkeypatch.setattr(socket.socket, "setsockopt", refuse)

    with pytest.raises(OSError, match="buffer"):
        MessagePipe.pair()
    assert len(set(Path("/proc/self/fd").iterdir())) == len(before)
