from collections.abc import Iterator
from itertools import count

import pytest
import zmq

from impasto_daemon.server.outbox import MAX_WAITING_REPLIES, Delivery, Outbox
from impasto_shared.codec import decode
from impasto_shared.errors import ErrorCode
from impasto_shared.messages import DaemonMessage, ErrorReply
from impasto_shared.reports import Problem

ADDRESS = b"client"
QUEUE = 4


_numbers = count()


@pytest.fixture
def router() -> Iterator[zmq.Socket[bytes]]:
    socket = zmq.Context.instance().socket(zmq.ROUTER)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.SNDHWM, QUEUE)
    # A new name for each test: the last one may still be closing.
    socket.bind(f"inproc://outbox-{next(_numbers)}")
    yield socket
    socket.close(linger=0)


@pytest.fixture
def dealer(router: zmq.Socket[bytes]) -> Iterator[zmq.Socket[bytes]]:
    """A client that has sent a message, so that the router knows it."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.ROUTING_ID, ADDRESS)
    socket.setsockopt(zmq.RCVHWM, QUEUE)
    socket.connect(router.getsockopt_string(zmq.LAST_ENDPOINT))
    socket.send(b"hello")
    router.recv_multipart()
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
    router: zmq.Socket[bytes], dealer: zmq.Socket[bytes]
) -> None:
    outbox = Outbox(router)
    before = fill(outbox)

    for number in range(20):
        outbox.reply(ADDRESS, message(number))

    assert outbox.has_waiting
    assert read_all(outbox, dealer) == ["-1"] * before + [str(number) for number in range(20)]
    assert not outbox.has_waiting


def test_updates_do_not_overtake_replies(
    router: zmq.Socket[bytes], dealer: zmq.Socket[bytes]
) -> None:
    outbox = Outbox(router)
    fill(outbox)
    outbox.reply(ADDRESS, message(1))
    while dealer.poll(10):
        dealer.recv_multipart()

    assert outbox.try_send(ADDRESS, message(2)) is Delivery.REFUSED
    outbox.flush()
    assert outbox.try_send(ADDRESS, message(3)) is Delivery.SENT
    assert read_all(outbox, dealer) == ["1", "3"]


def test_number_of_waiting_replies_is_limited(
    router: zmq.Socket[bytes], dealer: zmq.Socket[bytes]
) -> None:
    outbox = Outbox(router)
    before = fill(outbox)

    for number in range(2 * MAX_WAITING_REPLIES):
        outbox.reply(ADDRESS, message(number))

    assert len(read_all(outbox, dealer)) == before + MAX_WAITING_REPLIES


def test_replies_to_a_disconnected_client_are_dropped(
    router: zmq.Socket[bytes], dealer: zmq.Socket[bytes]
) -> None:
    outbox = Outbox(router)
    fill(outbox)
    outbox.reply(ADDRESS, message(1))
    dealer.close(linger=0)
    router.poll(50)  # the router notices it when it is used

    outbox.flush()

    assert not outbox.has_waiting
    assert outbox.try_send(ADDRESS, message(2)) is Delivery.DISCONNECTED
