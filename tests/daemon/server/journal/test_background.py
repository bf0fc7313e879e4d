import errno
import os
import select
import threading
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from impasto_daemon.server.journal.background import Background


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background("test")
    yield background
    background.close()


def test_outcomes_arrive_in_order_and_in_the_collecting_thread(background: Background) -> None:
    outcomes: list[object] = []
    threads = set()

    def note(outcome: object) -> None:
        outcomes.append(outcome)
        threads.add(threading.current_thread())

    for number in range(5):
        background.run(lambda number=number: number, note)  # type: ignore[misc]
    background.run(lambda: 1 / 0, note)
    background.collect()
    background.wait(60)

    assert outcomes[:5] == [0, 1, 2, 3, 4]
    assert isinstance(outcomes[5], ZeroDivisionError)
    assert threads == {threading.current_thread()}


def test_thread_that_cannot_be_started_is_an_error_at_once() -> None:
    refusal = RuntimeError("can't start new thread")

    with (
        patch.object(threading.Thread, "start", side_effect=refusal),
        pytest.raises(RuntimeError, match="can't start new thread"),
    ):
        Background("test")


def test_descriptor_is_readable_until_the_outcomes_are_collected(background: Background) -> None:
    assert select.select([background], [], [], 0)[0] == []

    background.run(lambda: None, lambda _: None)
    assert select.select([background], [], [], 60)[0] == [background]
    background.collect()

    assert select.select([background], [], [], 0)[0] == []


def test_outcomes_are_collected_although_the_descriptor_cannot_be_read(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "eventfd_read", refuse)
    outcomes: list[object] = []
    background.run(lambda: 1, outcomes.append)

    background.wait(60)
    assert outcomes == [1]


def test_collecting_does_not_wait(background: Background) -> None:
    gate, outcomes = threading.Event(), []
    background.run(gate.wait, outcomes.append)

    background.collect()
    assert outcomes == []
    gate.set()
    background.wait(60)

    assert outcomes == [True]
