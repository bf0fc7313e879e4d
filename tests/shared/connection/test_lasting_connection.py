"""A connection to daemons that come, go and fall silent; tests/integration has a real one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from impasto_shared.connection import lasting_connection
from impasto_shared.connection.lasting_connection import LastingConnection
from impasto_shared.connection.transport import Transport
from impasto_shared.errors import (
    DaemonError,
    DaemonUnavailable,
    ErrorCode,
    ImpastoError,
    ProtocolError,
)
from impasto_shared.protocol.codec import MAGIC
from impasto_shared.protocol.messages import ErrorReply, Status, Update, Welcome
from impasto_shared.protocol.reports import Problem
from integration.daemon_process import wait_for
from shared.fake_daemon import LIMITS, daemon, report, welcome

NEWS = Update(report("a" * 32))
OTHER_VERSION = Problem(ErrorCode.UNSUPPORTED_VERSION, "This daemon speaks impasto/2.")


@pytest.fixture
def endpoint() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="impasto-test-") as folder:
        yield f"ipc://{folder}/daemon.sock"


@pytest.fixture
def connection(endpoint: str) -> Iterator[LastingConnection]:
    """A connection to a daemon that has exited since."""
    transport = partial(Transport, endpoint, send_timeout_s=5)
    connection = LastingConnection(transport, "test", lambda: None)
    with daemon(endpoint, lambda message: [welcome(message)]):
        connection.connect(5)
        assert connection.is_connected
    yield connection
    connection.close()


def until(connection: LastingConnection, condition: Callable[[], object]) -> None:
    """Receives until a condition is true."""
    wait_for(lambda: connection.receive(0.1) is None and condition(), "the condition")


def test_next_daemon_is_found_and_welcomes(connection: LastingConnection, endpoint: str) -> None:
    until(connection, lambda: not connection.is_connected)
    assert not connection.send(Status("1"))
    assert connection.number == 1
    assert isinstance(connection.unavailable(), DaemonUnavailable)

    with daemon(endpoint, lambda message: [Welcome(message.id, "second", "test", LIMITS)]):
        until(connection, lambda: connection.is_connected)

    assert connection.number == 2
    assert connection.welcome.boot == "second"


def test_silent_daemon_and_then_a_silent_connection_are_replaced(
    connection: LastingConnection, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting_connection, "TRY_S", 0.1)
    heard: list[Any] = []

    def answer_every_third(message: Any) -> list[Any]:
        heard.append(message)
        return [welcome(message), NEWS] if len(heard) % 3 == 0 else []

    with daemon(endpoint, answer_every_third):
        for number in (2, 3):
            wait_for(lambda: connection.receive(0.1, 0.2) == NEWS, "a message")
            assert connection.number == number
            assert len(heard) == 3 * (number - 1)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([MAGIC.replace(b"1", b"2"), b"{}"], ProtocolError),
        (ErrorReply(None, OTHER_VERSION), DaemonError),
    ],
)
def test_daemon_of_another_version_is_not_tried_again(
    connection: LastingConnection, endpoint: str, answer: Any, error: type[ImpastoError]
) -> None:
    with daemon(endpoint, lambda _: [answer]), pytest.raises(error) as caught:
        until(connection, lambda: False)

    assert caught.value.code is ErrorCode.UNSUPPORTED_VERSION
