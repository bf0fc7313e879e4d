"""The worker as the server's child process: started on demand, it may die at any time.

The worker is executed, not forked: CUDA does not survive a fork. It inherits its end of the pipe to
the server. Its standard input is a pipe that the server never writes to: when the server dies, for
whatever reason, the pipe closes and the worker exits.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from impasto_daemon.system.host import processors, start_with_socket
from impasto_daemon.system.malloc import KEEP_FREED_MEMORY
from impasto_daemon.system.process_memory import available_bytes, may_have_gpu
from impasto_daemon.worker.messages import Ready, ServerMessage, WorkerMessage
from impasto_daemon.worker.pipe import MessagePipe, PipeEnded
from impasto_shared.errors import ImpastoError
from impasto_shared.protocol.codec import decode, encode

logger = logging.getLogger(__name__)

WORKER_COMMAND: Sequence[str] = (sys.executable, "-P", "-m", "impasto_daemon.worker.main")
KILL_TIMEOUT_S = 5.0
WORKER_ERRORS = (OSError, MemoryError, RuntimeError, ImpastoError)
"""The errors of starting, addressing and ending a worker: they concern its job, not the server.

RuntimeError is raised if a thread cannot be started; ImpastoError for a message that cannot be
decoded.
"""
_MESSAGES_OF_A_CALL = 100
_MEMORY_VARIABLES = {
    # The memory of large activations serves the next ones; the worker releases it after a job.
    **KEEP_FREED_MEMORY,
    # oneDNN keeps what it has compiled for a size of a layer. By default 1024 of these, of pictures
    # long painted, fill 50 MB; for small pictures of many sizes, too, so few are as fast.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    # Without it PyTorch takes up to twice the memory of a GPU that it needs (docs/benchmarks.md).
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}


class WorkerProcess:
    """At most one worker, connected by a pipe of its own.

    A worker of an earlier server that still runs cannot be reached. `command` starts a worker; its
    arguments are the number of its end, the bytes of memory that painting may take, 0 for no
    limit, and the device.

    device: its name in the configuration; "" for the first GPU, or the processor if there is none.
    sharing: the number of workers that share the processor.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        limit_bytes: int = 0,
        device: str = "",
        sharing: int = 1,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._device_name = device
        self._sharing = sharing
        self._command = command or WORKER_COMMAND
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: list[tuple[subprocess.Popen[bytes], float]] = []
        self._pipe: MessagePipe | None = None
        self._has_hung_up = False
        self.device: str | None = None
        self.model: str | None = None
        # The last message of its kind from this worker or its predecessor.
        self.ready: Ready | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id; None if there is no worker."""
        return self._process.pid if self._process else None

    def ensure_started(self) -> bool:
        """Starts a worker if there is none; returns whether it did. Raises WORKER_ERRORS."""
        if self._process is not None:
            return False
        self._pipe, far = MessagePipe.pair()
        self._has_hung_up = False
        with far:
            self._process = start_with_socket(
                self._command,
                far,
                [str(self._limit_bytes), self._device_name],
                env=worker_environment(self._sharing),
            )
        logger.info("worker %d started", self._process.pid)
        return True

    @property
    def pipe(self) -> MessagePipe | None:
        """The pipe to poll; None if there is no worker, or it has hung up."""
        return None if self._has_hung_up else self._pipe

    @property
    def has_gpu(self) -> bool:
        """True if it paints on a GPU; a guess until the first worker has reported."""
        if self.ready is None:
            return may_have_gpu() if self._device_name == "" else self._device_name != "cpu"
        return self.ready.gpu_bytes is not None

    def available_bytes(self) -> float:
        """Returns the bytes that painting may take, on the GPU or on this machine; inf: unknown."""
        limit = self._limit_bytes or math.inf
        if not self.has_gpu:
            return min(limit, available_bytes(*([] if self.pid is None else [self.pid])))
        gpu_bytes = None if self.ready is None else self.ready.gpu_bytes
        return limit if gpu_bytes is None else min(limit, gpu_bytes)

    def send(self, message: ServerMessage) -> bool:
        """Sends a message, as fast as the worker reads; returns False while an earlier one waits.

        Raises WORKER_ERRORS.
        """
        if self._pipe is None:
            raise RuntimeError("the worker has not been started")
        return self._pipe.send(encode(message))

    def receive(self) -> Iterator[WorkerMessage]:
        """Yields messages received since the last call, a limited number. Raises WORKER_ERRORS."""
        for _ in range(_MESSAGES_OF_A_CALL):
            if self._pipe is None or self._has_hung_up:
                return
            try:
                frames = self._pipe.receive()
            except PipeEnded:  # the exit status says more, and comes at once
                self._has_hung_up = True
                return
            if frames is None:
                return
            yield decode(frames, WorkerMessage)

    def exit_status(self) -> int | None:
        """Returns the status of a worker that exited by itself (negative: a signal), else None."""
        return self._process.poll() if self._process else None

    def end(self) -> None:
        """Kills the worker and closes the pipe to it; returns before it has exited.

        What the system refuses is logged: a worker that cannot be killed exits when its pipe
        closes.
        """
        process = self._process
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = self.device = self.model = None
        if process is not None:
            self._ending.append((process, time.monotonic()))
            _try("killed", process.kill)
            if process.stdin is not None:
                _try("cut off", process.stdin.close)

    @property
    def is_ending(self) -> bool:
        """True if a killed worker may still hold its memory.

        After five seconds it is no longer waited for: it is stuck in the kernel, as with a broken
        driver, and exits when it gets out.
        """
        oldest_s = time.monotonic() - KILL_TIMEOUT_S
        return any(killed_s > oldest_s for _, killed_s in self._ending)

    def reap(self) -> None:
        """Collects the exit statuses of killed workers; to be called regularly."""
        for process, _ in self._ending:
            if process.poll() is not None:
                logger.info("worker %d exited", process.pid)
        self._ending = [entry for entry in self._ending if entry[0].returncode is None]

    def wait_ended(self) -> None:
        """Waits for killed workers to exit, five seconds at most."""
        deadline_s = time.monotonic() + KILL_TIMEOUT_S
        for process, _ in self._ending:
            try:
                process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.exception("worker %d does not exit", process.pid)
        self.reap()


def worker_environment(sharing: int = 1) -> dict[str, str]:
    """Returns the environment of a worker: this process's, and the settings of its allocators.

    sharing: the number of workers that share the processor: more threads than cores would wait for
        each other.
    """
    threads = {}
    if sharing > 1:
        threads["OMP_NUM_THREADS"] = str(max(1, processors() // sharing))
    return {**_MEMORY_VARIABLES, **threads, **os.environ}


def _try(done: str, action: Callable[[], object]) -> None:
    try:
        action()
    except OSError as error:
        logger.warning("a worker cannot be %s: %s", done, error)
