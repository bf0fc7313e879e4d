"""All workers of the daemon, one for each device: the next job goes to the first that is free."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from impasto_daemon.server.dispatcher import Dispatcher
from impasto_daemon.server.jobs.job import Job
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_daemon.system.process_memory import available_bytes
from impasto_daemon.worker.pipe import MessagePipe
from impasto_daemon.worker.process import WorkerProcess
from impasto_shared.protocol.messages import Preview, PreviewOptions
from impasto_shared.protocol.reports import Problem, WorkerReport

logger = logging.getLogger(__name__)

MOST_GPUS = 16
"""More GPUs than these paint only if the configuration names them."""


@dataclass(frozen=True)
class _Member:
    process: WorkerProcess
    dispatcher: Dispatcher


class Workers:
    """The workers for `devices`; if there are none, for every GPU, or for the processor.

    A worker that dies takes its own job with it and nothing else.

    new_process: makes the process for a device and the number of workers that share the processor.
    idle_s, clock: as in `Dispatcher`.
    """

    def __init__(
        self,
        devices: Sequence[str],
        new_process: Callable[[str, int], WorkerProcess],
        jobs: JobTable,
        *,
        idle_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._new_process = new_process
        self._jobs = jobs
        self._idle_s = idle_s
        self._clock = clock
        self._finds_gpus = not devices
        self._sharing = max(1, sum(device == "cpu" for device in devices))
        self._members: list[_Member] = []
        for device in devices or ("",):
            self._add(device)

    @property
    def processes(self) -> list[WorkerProcess]:
        """The processes, started or not, in the order of their devices."""
        return [member.process for member in self._members]

    @property
    def pipes(self) -> list[MessagePipe]:
        """The pipes to the workers that are started."""
        return [process.pipe for process in self.processes if process.pipe is not None]

    @property
    def is_busy(self) -> bool:
        """True if a job is in a worker, or a killed worker has not yet exited."""
        return any(member.dispatcher.is_busy for member in self._members)

    @property
    def count_started(self) -> int:
        """The number of workers started so far."""
        return sum(member.dispatcher.workers_started for member in self._members)

    @property
    def has_gpu(self) -> bool:
        """True if the first worker paints on a GPU, as far as is known."""
        return self.processes[0].has_gpu

    @property
    def auto_bfloat16(self) -> bool:
        """True if the first worker calculates in bfloat16 of its own accord, as far as is known."""
        ready = self.processes[0].ready
        return self.has_gpu if ready is None else ready.bfloat16

    @property
    def is_started(self) -> bool:
        """True if a worker is started, which a job need not wait for."""
        return any(process.pid is not None for process in self.processes)

    def reports(self) -> tuple[WorkerReport, ...]:
        """Returns what each worker is and does."""
        return tuple(
            WorkerReport(process.pid, process.device, process.model, member.dispatcher.job_name)
            for member in self._members
            for process in [member.process]
        )

    def available_bytes(self) -> float:
        """Returns the bytes that painting may take for one job; inf: unknown."""
        first, share = self.processes[0], self._share_bytes()
        return first.available_bytes() if share is None else min(first.available_bytes(), share)

    def start_next(self) -> None:
        """Gives jobs to the workers that have none; first to those that are started."""
        for member in sorted(self._members, key=lambda member: member.process.pid is None):
            member.dispatcher.start_next()

    def cancel(self, job: Job, problem: Problem | None = None) -> None:
        """Cancels a job, see `Dispatcher.cancel`."""
        self._dispatcher_of(job).cancel(job, problem)

    def keep(self, job: Job) -> None:
        """Ends a running job with its best picture so far, see `Dispatcher.keep`."""
        self._dispatcher_of(job).keep(job)

    def set_previews(self, job: Job, previews: PreviewOptions) -> None:
        """Sets the previews that a job sends from now on."""
        self._dispatcher_of(job).set_previews(job, previews)

    def probe_gpu(self) -> None:
        """Starts the first worker if there may be a GPU: only a worker can tell its memory."""
        self._members[0].dispatcher.probe_gpu()

    def measure_pace(self) -> None:
        """Has the first worker measure how fast this machine paints, unless that is known."""
        self._members[0].dispatcher.measure_pace()

    def receive(self) -> list[Preview]:
        """Records the workers' progress and results; returns the previews for the clients."""
        previews = [preview for member in self._members for preview in member.dispatcher.receive()]
        self._find_gpus()
        return previews

    def supervise(self) -> None:
        """Notices the workers that have died or hang; see `Dispatcher.supervise`."""
        for member in self._members:
            member.dispatcher.supervise()

    def end(self) -> None:
        """Kills all workers; returns at once."""
        for process in self.processes:
            process.end()

    def wait_ended(self) -> None:
        """Waits for killed workers to exit, a few seconds at most."""
        for process in self.processes:
            process.wait_ended()

    def _add(self, device: str) -> None:
        process = self._new_process(device, self._sharing)
        dispatcher = Dispatcher(
            process, self._jobs, idle_s=self._idle_s, memory=self._share_bytes, clock=self._clock
        )
        self._members.append(_Member(process, dispatcher))
        self._jobs.workers = len(self._members)

    def _find_gpus(self) -> None:
        """Adds a worker for each further GPU, once the first worker knows how many there are."""
        ready = self.processes[0].ready
        if ready is None or not self._finds_gpus:
            return
        self._finds_gpus = False
        for number in range(1, min(ready.gpus, MOST_GPUS)):
            logger.info("there is another GPU: cuda:%d", number)
            self._add(f"cuda:{number}")

    def _share_bytes(self) -> int | None:
        """Returns a worker's share of the memory for painting on the processor; None: all of it."""
        if self._sharing == 1:
            return None
        pids = [process.pid for process in self.processes if not process.has_gpu]
        bytes_of_all = available_bytes(*(pid for pid in pids if pid is not None))
        return None if math.isinf(bytes_of_all) else int(bytes_of_all / self._sharing)

    def _dispatcher_of(self, job: Job) -> Dispatcher:
        """Returns the dispatcher that has a job; any, if none has it."""
        dispatchers = [member.dispatcher for member in self._members]
        having = (each for each in dispatchers if each.job_name == job.name)
        return next(having, dispatchers[0])
