"""The process that paints: it holds the network and runs one job after another.

Run by the server as `python -m impasto_daemon.worker.main ENDPOINT`; it ends when the server does.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import threading
import time
from typing import Any

import torch
import zmq

from impasto_daemon.log import start_logging
from impasto_daemon.malloc import release_freed_memory
from impasto_daemon.models import weights
from impasto_daemon.process_memory import available_bytes
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.precision import number_type
from impasto_daemon.style_transfer.runtime.out_of_memory import is_out_of_memory
from impasto_daemon.style_transfer.stylize import Step, stylize
from impasto_daemon.worker.messages import (
    Failed,
    Loaded,
    Painted,
    Previewed,
    Ready,
    Run,
    ServerMessage,
    Show,
    Stepped,
    Stop,
    Stopped,
    Written,
)
from impasto_daemon.worker.result_file import hand_over
from impasto_shared.codec import decode, encode
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.reports import Problem
from impasto_shared.settings import Pooling, Precision, StyleSettings

logger = logging.getLogger(__name__)

# The person at the same machine goes first.
NICENESS = 5
# Other programs, the screen among them, take some of it at any time.
_USABLE_OF_GPU = 0.9


class Worker:
    """Runs the jobs that come in at `socket`, one after another."""

    def __init__(
        self, socket: zmq.Socket[bytes], device: torch.device, limit_bytes: float = math.inf
    ) -> None:
        self._socket = socket
        self._device = device
        self._limit_bytes = limit_bytes
        self._loaded: tuple[str, Pooling, torch.dtype] | None = None
        self._network: Network

    def serve(self) -> None:
        """Runs jobs for ever."""
        while True:
            self._send(_ready(self._device))
            # The job and its painting are gone by the time that the next one is waited for.
            self._serve(self._receive())
            release_freed_memory()
            torch.cuda.empty_cache()

    def _serve(self, message: ServerMessage) -> None:
        # A stop for a job that has just ended may still come in: there is nothing to do.
        if isinstance(message, Run):
            self._send(self._run(message))

    def _run(self, run: Run) -> Painted | Written | Stopped | Failed:
        """What has become of a job; nothing that goes wrong in one ends the worker."""
        try:
            return self._paint(run)
        except ImpastoError as error:
            problem = Problem.of(error)
        except Exception as error:
            logger.exception("job %s failed", run.job)
            problem = _describe(error, run)
        return Failed(run.job, problem)

    def _paint(self, run: Run) -> Painted | Written | Stopped:
        stop: Stop | None = None

        previews = run.previews

        def should_stop() -> bool:
            nonlocal stop, previews
            while self._socket.poll(0):
                message = self._receive()
                if isinstance(message, Show) and message.job == run.job:
                    previews = message.previews
                # A job whose picture was to be kept may be cancelled after all.
                if isinstance(message, Stop) and message.job == run.job:
                    stop = message
            return stop is not None

        previewed_s = -math.inf

        def on_step(step: Step) -> None:
            nonlocal previewed_s
            self._send(Stepped(run.job, step.step, step.steps, step.loss, step.done))
            if previews and time.monotonic() - previewed_s >= previews.interval_s:
                previewed_s = time.monotonic()
                image = step.preview(previews.longest_side_px)
                self._send(Previewed(run.job, step.step, image))

        image = stylize(
            self._load(run.settings),
            run.content,
            run.styles,
            run.settings,
            on_step=on_step,
            should_stop=should_stop,
            available_bytes=min(self._limit_bytes, _available_bytes(self._device)),
        )
        return hand_over(run, image) if stop is None or stop.keeps_result else Stopped(run.job)

    def _load(self, settings: StyleSettings) -> Network:
        """The network, from memory if the last job used the same."""
        model = weights.resolve(settings.model)
        dtype = number_type(settings.precision, self._device)
        if self._loaded != (model, settings.pooling, dtype):
            self._network = weights.load_network(
                model, settings.pooling, device=self._device, dtype=dtype
            )
            self._loaded = model, settings.pooling, dtype
            self._send(Loaded(_device_name(self._device), str(model)))
        return self._network

    def _receive(self) -> ServerMessage:
        frames = self._socket.recv_multipart(copy=False)
        message: ServerMessage = decode([frame.buffer for frame in frames], ServerMessage)
        return message

    def _send(self, message: Any) -> None:
        self._socket.send_multipart(encode(message), copy=False)


def _describe(error: Exception, run: Run) -> Problem:
    if is_out_of_memory(error):
        return Problem(
            ErrorCode.OUT_OF_MEMORY,
            f"There is not enough memory to paint at size {run.settings.size}. Choose a smaller "
            "size.",
        )
    return Problem(
        ErrorCode.INTERNAL,
        f"The painting failed unexpectedly ({type(error).__name__}); the daemon's log says more.",
    )


def _available_bytes(device: torch.device) -> float:
    """The bytes that this process may have in all, on the device that the network is on."""
    gpu_bytes = _gpu_bytes(device)
    return available_bytes(os.getpid()) if gpu_bytes is None else gpu_bytes


def _gpu_bytes(device: torch.device) -> int | None:
    """The same of a GPU; None on the CPU."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return int(_USABLE_OF_GPU * (free + torch.cuda.memory_reserved(device)))


def _ready(device: torch.device) -> Ready:
    try:
        is_bfloat16 = number_type(Precision.AUTO, device) == torch.bfloat16
        return Ready(_gpu_bytes(device), is_bfloat16)
    except RuntimeError:
        # A job will meet it too, and say so to who has sent it.
        logger.exception("the GPU cannot be used")
        return Ready(gpu_bytes=None, bfloat16=False)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def _end_with_server() -> None:
    """Ends this process when the server's end of the pipe closes, whatever it is doing."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serves the server: its endpoint, and the bytes that painting may take, are the arguments."""
    start_logging("worker")
    # Ctrl+C in the server's terminal goes to both: the server decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_server, daemon=True).start()
    os.nice(NICENESS)
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PAIR)
    socket.bind(sys.argv[1])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    limit_bytes = int(sys.argv[2])
    Worker(socket, device, limit_bytes or math.inf).serve()


if __name__ == "__main__":
    main()
