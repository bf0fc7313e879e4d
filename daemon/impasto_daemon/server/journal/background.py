"""A thread for work that waits for the disk; the loop collects the outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from impasto_daemon.system.polling import READ, new_poller
from impasto_daemon.system.wakeup import Wakeup

T = TypeVar("T")


class Background:
    """A thread that does its work in the order in which it was given.

    Used from the loop's thread only. Raises OSError if the system has no descriptor for it, and
    RuntimeError if it has no thread.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self.unfinished = 0
        """The number of works that were given, and whose outcomes were not collected yet."""
        self._done: SimpleQueue[Callable[[], None]] = SimpleQueue()
        # The thread is started by the first work. If that fails, it should be now.
        self._executor.submit(int).result()
        self._wakeup = Wakeup()

    def run(self, work: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        """Does `work` in the thread; `collect` passes its result, or its exception, to `then`."""
        future: Future[T] = self._executor.submit(work)
        self.unfinished += 1
        future.add_done_callback(lambda done: self._announce(partial(_deliver, done, then)))

    def collect(self) -> None:
        """Passes on the outcomes that there are by now; does not wait."""
        self._wakeup.clear()
        while True:
            try:
                deliver = self._done.get_nowait()
            except Empty:
                return
            self.unfinished -= 1
            deliver()

    def wait(self, timeout_s: float) -> None:
        """Waits until all work is done, and passes on its outcomes."""
        deadline_s = time.monotonic() + timeout_s
        poll = new_poller()
        poll.register(self._wakeup, READ)
        while self.unfinished and (remaining_s := deadline_s - time.monotonic()) > 0:
            poll.poll(1000 * remaining_s)
            self.collect()

    def fileno(self) -> int:
        """Returns a descriptor that is readable when there are outcomes to collect."""
        return self._wakeup.fileno()

    def close(self) -> None:
        """Finishes the thread; work that has not begun is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _announce(self, deliver: Callable[[], None]) -> None:
        self._done.put(deliver)
        self._wakeup.set()


def _deliver(done: Future[T], then: Callable[[T | Exception], None]) -> None:
    if done.cancelled():
        return
    error = done.exception()
    if error is None:
        then(done.result())
    elif isinstance(error, Exception):
        then(error)
    else:
        raise error
