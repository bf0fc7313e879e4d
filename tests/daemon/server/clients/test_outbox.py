import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import zmq

from daemon.server.patience import eventually
from impasto_daemon.server.clients.outbox import MAX_WAITING_REPLIES, Outbox
from impasto_daemon.server.front.delivery import Delivery
from impasto_daemon.server.front.local_clients import LocalClients
from impasto_daemon.server.process.endpoint import listening_unix_socket
from impasto_shared.errors import ErrorCode
from impasto_shared.protocol.codec import decode
from impasto_shared.protocol.messages import DaemonMessage, ErrorReply, ForecastReport
from impasto_shared.protocol.reports import Problem


class Served(NamedTuple):
    """The daemon's end of a connection, and the client's."""

    clients: LocalClients
    dealer: zmq.Socket[bytes]
    address: bytes


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A client that has sent a message, so that its address is known."""
    clients = LocalClients()
    clients.serve(f"ipc://{tmp_path}/s", listening_unix_socket(tmp_path / "s"))
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.RCVHWM, 4)
        dealer.connect(f"ipc://{tmp_path}/s")
        dealer.send(b"hello")
        yield Served(clients, dealer, eventually(clients.receive).address)
    clients.close(0)


def message(number: int) -> ErrorReply:
    return ErrorReply(str(number), Problem(ErrorCode.INTERNAL, "It broke."))


def fill(outbox: Outbox, served: Served) -> int:
    """Sends messages until the queue is full; returns their number."""
    sent = 0
    while outbox.try_send(served.address, message(-1)) is Delivery.SENT:
        sent += 1
    return sent


def read_all(outbox: Outbox, served: Served) -> list[str]:
    """Returns the numbers of the messages that arrive while the client reads."""
    numbers = []
    while outbox.has_waiting or served.dealer.poll(100):
        outbox.flush()
        served.clients.receive()
        while served.dealer.poll(0):
            numbers.append(decode(served.dealer.recv_multipart(), DaemonMessage).re)
    return numbers


def is_gone(served: Served) -> bool:
    """Returns whether the daemon knows that the client has closed its connection."""
    return served.clients.send(served.address, []) is Delivery.DISCONNECTED


def test_replies_wait_for_a_client_that_does_not_read(served: Served) -> None:
    outbox = Outbox(served.clients)
    before = fill(outbox, served)

    for number in range(20):
        outbox.reply(served.address, message(number))

    assert outbox.has_waiting
    assert read_all(outbox, served) == ["-1"] * before + [str(number) for number in range(20)]
    assert not outbox.has_waiting


def test_updates_do_not_overtake_replies(served: Served) -> None:
    outbox = Outbox(served.clients)
    before = fill(outbox, served)
    outbox.reply(served.address, message(1))
    arrived = 0
    while arrived < before:
        served.clients.receive()
        while served.dealer.poll(0):
            served.dealer.recv_multipart()
            arrived += 1

    assert outbox.try_send(served.address, message(2)) is Delivery.REFUSED
    outbox.flush()
    assert outbox.try_send(served.address, message(3)) is Delivery.SENT
    assert read_all(outbox, served) == ["1", "3"]


def test_number_of_waiting_replies_is_limited(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(served.clients)
    before = fill(outbox, served)

    for number in range(2 * MAX_WAITING_REPLIES):
        outbox.reply(served.address, message(number))

    assert len(read_all(outbox, served)) == before + MAX_WAITING_REPLIES
    assert caplog.text.count("its replies are dropped") == 1


def test_message_that_cannot_be_encoded_is_logged_and_dropped(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(served.clients)

    outbox.reply(served.address, ForecastReport("1", math.inf, None, 1, None, 1))
    outbox.reply(served.address, message(2))

    assert "cannot be encoded and is dropped: forecast-report" in caplog.text
    assert read_all(outbox, served) == ["2"]


def test_replies_to_a_disconnected_client_are_dropped(served: Served) -> None:
    outbox = Outbox(served.clients)
    fill(outbox, served)
    outbox.reply(served.address, message(1))
    served.dealer.close(linger=0)
    eventually(lambda: served.clients.receive() or is_gone(served))

    outbox.flush()

    assert not outbox.has_waiting
    assert outbox.try_send(served.address, message(2)) is Delivery.DISCONNECTED
