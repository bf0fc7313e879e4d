"""The worker process: holds the network and runs one job after another.

The server runs it as `python -P -m impasto_daemon.worker.main DESCRIPTOR BYTES DEVICE`; it
exits when the server does.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import threading
from contextlib import suppress

import torch

from impasto_daemon.models.download import DownloadStopped
from impasto_daemon.style_transfer.networks.network import Network, WholeImageNetwork
from impasto_daemon.style_transfer.networks.precision import number_type
from impasto_daemon.style_transfer.optimize import ShouldStop
from impasto_daemon.style_transfer.runtime.out_of_memory import is_out_of_memory
from impasto_daemon.style_transfer.segmentation.segment import segment
from impasto_daemon.style_transfer.stylize import stylize
from impasto_daemon.style_transfer.warm_start import COLD, KEPT_BYTES, WarmStart
from impasto_daemon.system.host import inherited_socket, lower_priority, prefer_to_kill_this
from impasto_daemon.system.log import start_logging
from impasto_daemon.system.malloc import release_freed_memory
from impasto_daemon.worker.channel import Channel
from impasto_daemon.worker.device_check import trusted
from impasto_daemon.worker.device_memory import device_bytes, gpu_bytes, release_gpu_memory
from impasto_daemon.worker.devices import (
    DeviceMissing,
    check_device,
    device_of,
    gpu_count,
    name_of,
)
from impasto_daemon.worker.job_run import JobRun
from impasto_daemon.worker.loaded_network import LoadedNetwork
from impasto_daemon.worker.measurement import ON_GPU, ON_PROCESSOR, measure
from impasto_daemon.worker.messages import (
    Begun,
    Failed,
    Loaded,
    Measure,
    Painted,
    Ready,
    Run,
    ServerMessage,
    Split,
    Stopped,
    Written,
)
from impasto_daemon.worker.pipe import MessagePipe, PipeEnded
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.protocol.reports import Problem
from impasto_shared.settings import Precision, StyleSettings
from impasto_shared.text.sentences import sentence

logger = logging.getLogger(__name__)

# Other programs take precedence.
NICENESS = 5
OOM_SCORE_ADJUSTMENT = 500


class _Stopped(Exception):
    """The server has told the job to stop."""


class Worker:
    """Runs the jobs that arrive on `channel`, one after another, on `device`.

    device_name: what the server shows for the device; its own name by default.
    """

    def __init__(
        self,
        channel: Channel,
        device: torch.device,
        limit_bytes: float = math.inf,
        device_name: str = "",
    ) -> None:
        self._channel = channel
        self._device = device
        self._limit_bytes = limit_bytes
        self._device_name = device_name
        self._loaded = LoadedNetwork(device)
        self._warm_start = WarmStart()

    def serve(self) -> None:
        """Runs jobs forever."""
        while True:
            self._channel.send(_ready(self._device))
            # A call of its own, so that the job's memory is free before the next one.
            self._serve(self._channel.receive())
            release_freed_memory()
            release_gpu_memory(self._device)

    def _serve(self, message: ServerMessage) -> None:
        # A stop for a job that has just ended may still arrive, and is ignored.
        if isinstance(message, Run | Split):
            self._channel.send(Begun(message.job))
            self._channel.send(self._run(message))
        elif isinstance(message, Measure):
            self._measure()

    def _measure(self) -> None:
        """Measures the pace of this machine, unless a message arrives first."""
        settings = ON_PROCESSOR if self._device.type == "cpu" else ON_GPU
        should_stop = self._channel.has_pending
        try:
            network = self._load(settings, should_stop)
            measured = measure(network, settings, should_stop)
        except PipeEnded:
            raise
        except Exception:
            # A job will fail with the same error, and report it to its client.
            logger.exception("the pace of this machine cannot be measured")
        else:
            if measured is not None:
                self._channel.send(measured)

    def _run(self, run: Run | Split) -> Painted | Written | Stopped | Failed:
        """Returns the message that ends a job; an error in a job does not end the worker."""
        try:
            return self._paint(run) if isinstance(run, Run) else self._split(run)
        except (DownloadStopped, _Stopped):
            return Stopped(run.job)
        except ImpastoError as error:
            problem = Problem.of(error)
        except PipeEnded:  # the server has exited
            raise
        except Exception as error:
            logger.exception("job %s failed", run.job)
            problem = _describe(error, run)
        return Failed(run.job, problem)

    def _paint(self, run: Run) -> Painted | Written | Stopped:
        job = JobRun(run, self._channel)
        network = self._load(run.settings, job.should_stop)
        memory_bytes = min(self._limit_bytes, device_bytes(self._device))
        if run.memory_bytes is not None:
            memory_bytes = min(memory_bytes, run.memory_bytes)
        if run.warm_start:
            memory_bytes -= KEPT_BYTES
        else:
            self._warm_start = WarmStart()  # the memory is this job's
        image = stylize(
            network,
            run.content,
            run.styles,
            run.settings,
            begin_from=run.begin_from,
            on_step=job.on_step,
            should_stop=job.should_stop,
            available_bytes=memory_bytes,
            warm_start=self._warm_start if run.warm_start else COLD,
        )
        return job.result(image)

    def _split(self, split: Split) -> Painted | Written | Stopped:
        job = JobRun(split, self._channel)

        def interrupt() -> None:
            if job.should_stop():
                raise _Stopped

        network = self._load(StyleSettings(), job.should_stop)
        if not isinstance(network, WholeImageNetwork):
            raise TypeError("the default network cannot be evaluated at once")
        return job.result(segment(network, split.content, split.regions, interrupt=interrupt))

    def _load(self, settings: StyleSettings, should_stop: ShouldStop) -> Network:
        """Returns the network, from memory if the last job used the same.

        Raises DeviceMissing, and what `load_network` does.
        """
        check_device(self._device)
        is_loaded = self._loaded.has(settings)
        network = self._loaded.get(settings, should_stop)
        if not is_loaded:
            self._warm_start = WarmStart()
            name = self._device_name or name_of(self._device)
            self._channel.send(Loaded(name, str(settings.model)))
        return network


def _describe(error: Exception, run: Run | Split) -> Problem:
    if is_out_of_memory(error) and isinstance(run, Split):
        return Problem.saying(ErrorCode.OUT_OF_MEMORY, sentence("memory-for-regions"))
    if is_out_of_memory(error) and isinstance(run, Run):
        text = sentence("memory-for-picture", size=run.settings.size)
        return Problem.saying(ErrorCode.OUT_OF_MEMORY, text)
    text = sentence("internal-while-painting", kind=type(error).__name__)
    return Problem.saying(ErrorCode.INTERNAL, text)


def _ready(device: torch.device) -> Ready:
    try:
        check_device(device)
        is_bfloat16 = number_type(Precision.AUTO, device) == torch.bfloat16
        return Ready(gpu_bytes(device), is_bfloat16, gpu_count())
    except (DeviceMissing, RuntimeError):
        # A job will fail with the same error, and report it to its client.
        logger.exception("the GPU cannot be used")
        return Ready(gpu_bytes=None, bfloat16=False)


def _end_with_server() -> None:
    """Exits when the server's end of the pipe closes, whatever this process is doing."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Runs a worker; the arguments are its end of the pipe, the bytes for painting, its device."""
    start_logging("worker")
    # Ctrl+C in the server's terminal reaches both processes: the server decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = MessagePipe(inherited_socket(sys.argv[1]))
    threading.Thread(target=_end_with_server, daemon=True).start()
    lower_priority(NICENESS)
    prefer_to_kill_this(OOM_SCORE_ADJUSTMENT)
    limit_bytes, device = int(sys.argv[2]), device_of(sys.argv[3])
    if device.type == "cuda" and device.index is not None and device.index < gpu_count():
        torch.cuda.set_device(device)
    device, device_name = trusted(device)
    with suppress(PipeEnded):  # the server has ended
        Worker(Channel(pipe), device, limit_bytes or math.inf, device_name).serve()


if __name__ == "__main__":
    main()
