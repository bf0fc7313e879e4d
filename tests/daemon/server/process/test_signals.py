import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from impasto_daemon.server.process.signals import StopSignals


@contextmanager
def handled(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Gives a signal a handler within the context, whatever it was: nohup has SIGHUP ignored."""
    previous = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, previous)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stop_signal_requests_a_stop_and_wakes_the_reader(number: signal.Signals) -> None:
    with handled(number, signal.SIG_DFL), StopSignals() as signals:
        assert not signals.stop_requested
        signal.raise_signal(number)

        assert signals.stop_requested
        signals.clear()
        with pytest.raises(BlockingIOError):
            signals.clear()


def test_death_of_a_child_wakes_the_reader_only() -> None:
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGCHLD)

        signals.clear()
        assert not signals.stop_requested


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_signal_that_was_ignored_stays_ignored(number: signal.Signals) -> None:
    with handled(number, signal.SIG_IGN):
        with StopSignals() as signals:
            signal.raise_signal(number)

            assert not signals.stop_requested
        assert signal.getsignal(number) is signal.SIG_IGN
