"""A daemon that answers as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from impasto_shared.protocol.codec import decode, encode
from impasto_shared.protocol.messages import ClientMessage, Hello, Welcome
from impasto_shared.protocol.reports import JobReport, JobState, Limits

LIMITS = Limits(frame_bytes=12, pixels=4, queue=1)

# The answers of a daemon to a message: any number of messages, or raw frames.
Behaviour = Callable[[Any], list[Any]]


@contextmanager
def daemon(endpoint: str, behaviour: Behaviour) -> Iterator[None]:
    """Runs a ROUTER that answers as `behaviour` does."""
    socket = zmq.Context.instance().socket(zmq.ROUTER)
    socket.bind(endpoint)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            if socket.poll(20):
                address, *frames = socket.recv_multipart()
                for answer in behaviour(decode(frames, ClientMessage)):
                    reply = answer if isinstance(answer, list) else encode(answer)
                    socket.send_multipart([address, *reply])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        socket.close(linger=0)


def welcome(message: Hello) -> Welcome:
    """Returns the answer to `hello`."""
    return Welcome(message.id, "boot", "test", LIMITS)


def report(job: str, state: JobState = JobState.RUNNING) -> JobReport:
    """Returns a report that says little."""
    return JobReport(job, state)
