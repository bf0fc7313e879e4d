"""The stand-ins for poll, epoll and eventfd of systems without them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from impasto_daemon.system import wakeup
from impasto_daemon.system.polling import READ, WRITE, SelectEpoll, SelectPoller


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(5)]
        for pair in pairs:
            for end in pair:
                stack.enter_context(end)
        yield pairs


Pairs = list[tuple[socket.socket, socket.socket]]


def test_poller_returns_what_can_be_received_and_sent(pairs: Pairs) -> None:
    (near, far), (other, _), *_ = pairs
    poller = SelectPoller()
    poller.register(near, READ)
    poller.register(other, READ | WRITE)
    far.send(b"x")

    assert dict(poller.poll(1000)) == {near.fileno(): READ, other.fileno(): WRITE}


def test_poller_returns_nothing_when_the_time_is_over(pairs: Pairs) -> None:
    poller = SelectPoller()
    assert poller.poll(1) == []
    poller.register(pairs[0][0], READ)
    assert poller.poll(1) == []


def test_poller_waits_for_the_sockets_of_an_epoll(pairs: Pairs) -> None:
    near, far = pairs[0]
    epoll, poller = SelectEpoll(), SelectPoller()
    epoll.register(near.fileno(), READ)
    poller.register(epoll)
    far.send(b"x")

    assert poller.poll(1000) == [(near.fileno(), READ)]


def test_sockets_of_an_epoll_take_turns(pairs: Pairs) -> None:
    epoll = SelectEpoll()
    for near, _ in pairs:
        epoll.register(near.fileno(), WRITE)

    seen = {descriptor for _ in pairs for descriptor, _ in epoll.poll(0, 2)}

    assert seen == {near.fileno() for near, _ in pairs}


def test_epoll_forgets_a_socket(pairs: Pairs) -> None:
    epoll = SelectEpoll()
    epoll.register(pairs[0][0].fileno(), WRITE)
    epoll.modify(pairs[0][0].fileno(), READ)
    assert epoll.poll(0, 1) == []
    epoll.modify(pairs[0][0].fileno(), WRITE)
    epoll.unregister(pairs[0][0].fileno())
    epoll.unregister(pairs[0][0].fileno())

    assert epoll.poll(0, 1) == []


@pytest.mark.parametrize("platform", ["linux", "other"])
def test_wakeup_is_readable_while_it_is_set(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeup, "sys", SimpleNamespace(platform=platform))
    flag, poller = wakeup.Wakeup(), SelectPoller()
    poller.register(flag)
    flag.clear()
    assert poller.poll(0) == []

    for _ in range(3):
        flag.set()
    assert poller.poll(1000) == [(flag.fileno(), READ)]
    flag.clear()
    assert poller.poll(0) == []
    for end in vars(flag).values():
        if isinstance(end, socket.socket):
            end.close()
