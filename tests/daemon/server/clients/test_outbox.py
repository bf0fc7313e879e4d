import math
from collections.abc import Iterator
from itertools import count

import pytest
import zmq

from impasto_daemon.server.clients.outbox import MAX_WAITING_REPLIES, Outbox
from impasto_daemon.server.front.client_socket import ClientSocket, Delivery, Received
from impasto_shared.errors import ErrorCode
from impasto_shared.protocol.codec import decode
from impasto_shared.protocol.messages import DaemonMessage, ErrorReply, ForecastReport
from impasto_shared.protocol.reports import Problem

ADDRESS = b"client"
QUEUE = 4


_numbers = count()


@pytest.fixture
def clients() -> Iterator[ClientSocket]:
    clients = ClientSocket()
    clients.socket.setsockopt(zmq.SNDHWM, QUEUE)
    # A new name for each test: the last one may still be closing.
    clients.socket.bind(f"inproc://outbox-{next(_numbers)}")
    yield clients
    clients.close(0)


@pytest.fixture
def dealer(clients: ClientSocket) -> Iterator[zmq.Socket[bytes]]:
    """A client that has sent a message, so that its address is known."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.ROUTING_ID, ADDRESS)
    socket.setsockopt(zmq.RCVHWM, QUEUE)
    socket.connect(clients.socket.getsockopt_string(zmq.LAST_ENDPOINT))
    socket.send(b"hello")
    assert clients.receive() == Received(ADDRESS, [b"hello"])
    yield socket
    socket.close(linger=0)


def message(number: int) -> ErrorReply:
    return ErrorReply(str(number), Problem(ErrorCode.INTERNAL, "It broke."))


def fill(outbox: Outbox) -> int:
    """Sends messages until the queue is full; returns their number."""
    sent = 0
    while outbox.try_send(ADDRESS, message(-1)) is Delivery.SENT:
        sent += 1
    return sent


def read_all(outbox: Outbox, dealer: zmq.Socket[bytes]) -> list[str]:
    """Returns the numbers of the messages that arrive while the client reads."""
    numbers = []
    while outbox.has_waiting or dealer.poll(50):
        outbox.flush()
        while dealer.poll(10):
            numbers.append(decode(dealer.recv_multipart(), DaemonMessage).re)
    return numbers


def test_replies_wait_for_a_client_that_does_not_read(
    clients: ClientSocket, dealer: zmq.Socket[bytes]
) -> None:
    outbox = Outbox(clients)
    before = fill(outbox)

    for number in range(20):
        outbox.reply(ADDRESS, message(number))

    assert outbox.has_waiting
    assert read_all(outbox, dealer) == ["-1"] * before + [str(number) for number in range(20)]
    assert not outbox.has_waiting


def test_updates_do_not_overtake_replies(clients: ClientSocket, dealer: zmq.Socket[bytes]) -> None:
    outbox = Outbox(clients)
    fill(outbox)
    outbox.reply(ADDRESS, message(1))
    while dealer.poll(10):
        dealer.recv_multipart()

    assert outbox.try_send(ADDRESS, message(2)) is Delivery.REFUSED
    outbox.flush()
    assert outbox.try_send(ADDRESS, message(3)) is Delivery.SENT
    assert read_all(outbox, dealer) == ["1", "3"]


def test_number_of_waiting_replies_is_limited(
    clients: ClientSocket, dealer: zmq.Socket[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(clients)
    before = fill(outbox)

    for number in range(2 * MAX_WAITING_REPLIES):
        outbox.reply(ADDRESS, message(number))

    assert len(read_all(outbox, dealer)) == before + MAX_WAITING_REPLIES
    assert caplog.text.count("its replies are dropped") == 1


def test_message_that_cannot_be_encoded_is_logged_and_dropped(
    clients: ClientSocket, dealer: zmq.Socket[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(clients)

    outbox.reply(ADDRESS, ForecastReport("1", math.inf, None, 1, None, 1))
    outbox.reply(ADDRESS, message(2))

    assert "cannot be encoded and is dropped: forecast-report" in caplog.text
    assert read_all(outbox, dealer) == ["2"]


def test_replies_to_a_disconnected_client_are_dropped(
    clients: ClientSocket, dealer: zmq.Socket[bytes]
) -> None:
    outbox = Outbox(clients)
    fill(outbox)
    outbox.reply(ADDRESS, message(1))
    dealer.close(linger=0)
    clients.socket.poll(50)  # the socket notices it when it is used

    outbox.flush()

    assert not outbox.has_waiting
    assert outbox.try_send(ADDRESS, message(2)) is Delivery.DISCONNECTED
