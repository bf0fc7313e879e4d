"""The server's hold on its worker: a process that is started when needed and may die at any time.

The worker is executed anew, not forked: sockets and CUDA survive no fork. Its standard input is
a pipe that the server never writes to: when the server dies, however it dies, the pipe ends and
so does the worker.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zmq

from impasto_daemon.malloc import KEEP_FREED_MEMORY
from impasto_daemon.process_memory import available_bytes, may_have_gpu
from impasto_daemon.worker.messages import Ready, WorkerMessage
from impasto_shared.codec import decode, encode

logger = logging.getLogger(__name__)

WORKER_COMMAND: Sequence[str] = (sys.executable, "-m", "impasto_daemon.worker.main")
KILL_TIMEOUT_S = 5.0
_MEMORY_VARIABLES = {
    # The memory of large activations serves the next ones; the worker releases it after a job.
    **KEEP_FREED_MEMORY,
    # Without it PyTorch takes up to twice the memory of a GPU that it needs (docs/benchmarks.md).
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}


class WorkerProcess:
    """At most one worker, talking over a PAIR socket at `path`.

    `command` starts a worker; it is given the socket's endpoint, and how many bytes painting may
    take, 0 for as many as there are.
    """

    def __init__(
        self,
        path: Path,
        command: Sequence[str] | None = None,
        *,
        limit_bytes: int = 0,
    ) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._command = command or WORKER_COMMAND
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: list[tuple[subprocess.Popen[bytes], float]] = []
        self.socket: zmq.Socket[bytes] | None = None
        self.device: str | None = None
        self.model: str | None = None
        # What it, or the one before it, has said last.
        self.ready: Ready | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id while there is one."""
        return self._process.pid if self._process else None

    def ensure_started(self) -> bool:
        """Starts a worker where there is none; whether it did."""
        if self._process is not None:
            return False
        endpoint = f"ipc://{self._path}"
        self.socket = zmq.Context.instance().socket(zmq.PAIR)
        self.socket.setsockopt(zmq.LINGER, 0)
        # The worker binds: a PAIR that has bound blocks in send until its peer has come.
        self.socket.connect(endpoint)
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [*self._command, endpoint, str(self._limit_bytes)],
            stdin=subprocess.PIPE,
            env=worker_environment(),
        )
        logger.info("worker %d started", self._process.pid)
        return True

    @property
    def has_gpu(self) -> bool:
        """Whether it paints on a GPU, as far as is known: it may not have said so yet."""
        return may_have_gpu() if self.ready is None else self.ready.gpu_bytes is not None

    def available_bytes(self) -> float:
        """How many bytes painting may take: a GPU's, or what this machine has now; inf: unknown."""
        limit = self._limit_bytes or math.inf
        if not self.has_gpu:
            return min(limit, available_bytes(self.pid))
        gpu_bytes = None if self.ready is None else self.ready.gpu_bytes
        return limit if gpu_bytes is None else min(limit, gpu_bytes)

    def send(self, message: Any) -> None:
        """Sends a message; it waits in the socket until the worker has bound it."""
        if self.socket is None:
            raise RuntimeError("the worker has not been started")
        self.socket.send_multipart(encode(message), copy=False)

    def receive(self) -> list[WorkerMessage]:
        """What the worker has sent since the last call."""
        received: list[WorkerMessage] = []
        while self.socket is not None and self.socket.poll(0):
            frames = self.socket.recv_multipart(copy=False)
            received.append(decode([frame.buffer for frame in frames], WorkerMessage))
        return received

    def exit_status(self) -> int | None:
        """The status of a worker that has ended (negative: the signal that ended it), or None."""
        return self._process.poll() if self._process else None

    def end(self) -> None:
        """Ends the worker and frees all that was its own; returns before it has ended."""
        if self._process is not None:
            self._process.kill()
            if self._process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.close()
            self._ending.append((self._process, time.monotonic()))
        if self.socket is not None:
            self.socket.close(linger=0)
        self._path.unlink(missing_ok=True)
        self._process = self.socket = self.device = self.model = None

    @property
    def is_ending(self) -> bool:
        """Whether one that was told to end may still hold its memory.

        After five seconds it is not waited for any more: it is stuck in the kernel, as under a
        broken driver, and ends when it gets out.
        """
        oldest_s = time.monotonic() - KILL_TIMEOUT_S
        return any(killed_s > oldest_s for _, killed_s in self._ending)

    def reap(self) -> None:
        """Takes notice of those that have ended; to be called now and then."""
        for process, _ in self._ending:
            if process.poll() is not None:
                logger.info("worker %d ended", process.pid)
        self._ending = [entry for entry in self._ending if entry[0].returncode is None]

    def wait_ended(self) -> None:
        """Waits for those that were told to end, five seconds at most."""
        deadline_s = time.monotonic() + KILL_TIMEOUT_S
        for process, _ in self._ending:
            try:
                process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.exception("worker %d does not end", process.pid)
        self.reap()


def worker_environment() -> dict[str, str]:
    """The variables that a worker is started with: this process's own, and how memory is taken."""
    return {**_MEMORY_VARIABLES, **os.environ}
