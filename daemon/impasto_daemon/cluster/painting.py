"""The batch's part of painting on a cluster: orders go to Dask, and pictures come back.

    with connect(address="tcp://studio:8786") as cluster:
        for event in cluster.paint_all(orders, paintings):
            …

Dask decides which worker paints which picture, and gives those of a worker that dies to others. A
picture is ordered when there is soon a worker for it: neither this program nor the scheduler has
the photos of all of them in memory.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from impasto_daemon.cluster import tasks
from impasto_daemon.cluster.order import Order, Outcome
from impasto_daemon.cluster.versions import check_versions
from impasto_shared.batch import Failed
from impasto_shared.errors import ImpastoError

if TYPE_CHECKING:
    from distributed import Client, Future

RESOURCE = "impasto"
"""What a worker has one of, so that it paints one picture at a time."""
# Another try after an error of the machine, such as one of a GPU; Dask has its own count of deaths.
_RETRIES = 2
_LOOK_S = 10.0
# For workers, while there are none.
_LOOK_FOR_WORKERS_S = 1.0

_NOT_INSTALLED = (
    "Dask is not installed ({reason}). Install Impasto with the extra dask: see docs/batch.md."
)
_NO_SCHEDULER = (
    "No Dask scheduler answers at {where} ({reason}). Start one with: dask scheduler. Or correct "
    "the address."
)
_NO_SECURE_SCHEDULER = (
    "No Dask scheduler answers at {where} with the certificate of Dask's configuration ({reason}). "
    "See docs/batch.md."
)
_NO_FILE = (
    "There is no file {file}. A scheduler writes it with: dask scheduler --scheduler-file {file}"
)
_LOST = "The connection to the Dask scheduler at {where} is lost."
_DIED = (
    "{name} is not painted: the workers that tried it died. If they ran out of memory, choose a "
    "smaller --size, or give them more (--memory-limit)."
)
_BROKEN = "{name} is not painted: {kind} on a worker: {reason}"


class SchedulerUnavailable(ImpastoError):
    """No scheduler answers, or the connection to it is lost."""


@dataclass(frozen=True)
class Work:
    """A picture of a batch.

    order: returns its order when its turn comes; an ImpastoError that it raises is the picture's
        own failure.
    follow: called after its last event; returns the next picture, which cannot be ordered before,
        and which the same worker paints as long as it lives.
    """

    name: str
    order: Callable[[], Order]
    follow: Callable[[], Work | None] = lambda: None


@dataclass(frozen=True)
class Arrived:
    """A picture that is painted. file: its content; None if a worker has written it."""

    name: str
    file: memoryview | None
    notes: Sequence[str]


@dataclass(frozen=True)
class NoWorkers:
    """The cluster has no worker that paints: the batch waits until there is one."""


Event: TypeAlias = Arrived | Failed | NoWorkers


def connect(*, address: str | None = None, file: Path | None = None) -> Cluster:
    """Returns a connection to the scheduler at an address, or of a file that it has written.

    The waiting times, and the keys for TLS, are those of Dask's configuration.

    Raises:
        SchedulerUnavailable: if none answers, or Dask is not installed.
        VersionsDiffer: if its workers have other versions than this program.
    """
    try:
        import dask
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ImportError as error:
        raise SchedulerUnavailable(_NOT_INSTALLED.format(reason=error)) from error
    _silence()
    warnings.simplefilter("ignore", VersionMismatchWarning)  # versions are checked below
    # Photos are in the orders, so that they are there when another worker takes them over.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "10 GB"})
    where = address or _address_in(file)
    try:
        asyncio.run(_knock(where))
        client = Client(where, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        sentence = _NO_SECURE_SCHEDULER if where.startswith("tls:") else _NO_SCHEDULER
        raise SchedulerUnavailable(sentence.format(where=where, reason=reason)) from error
    cluster = Cluster(client, where)
    try:
        cluster.check_versions()
    except BaseException:
        cluster.close()
        raise
    return cluster


def _address_in(file: Path | None) -> str:
    """Returns the address in the file of a scheduler."""
    try:
        text = Path(file or "").read_text()
        return str(json.loads(text)["address"])
    except FileNotFoundError as error:
        raise SchedulerUnavailable(_NO_FILE.format(file=file)) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SchedulerUnavailable(f"{file} is not the file of a Dask scheduler.") from error


async def _knock(address: str) -> None:
    """Connects once: after that, a `Client` that cannot be made would complain at its end."""
    from distributed.comm import connect
    from distributed.security import Security

    comm = await connect(address, **Security().get_connection_args("client"))
    await comm.close()


def _silence() -> None:
    """Keeps Dask's log off the terminal: what matters is said in sentences."""
    for name in ("distributed", "distributed.client", "distributed.comm", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class Cluster:
    """A connection to a scheduler, used with `with`."""

    def __init__(self, client: Client, where: str) -> None:
        self._client = client
        self._where = where

    def check_versions(self) -> None:
        """Raises VersionsDiffer if a worker has other versions than this program."""
        with _connection_to(self._where):
            versions = self._client.get_versions(packages=["impasto_shared"])
        check_versions(versions)

    def paint_all(
        self, works: Iterable[Work], paintings: Mapping[str, bytes], *, is_ahead: bool = True
    ) -> Generator[Event, None, None]:
        """Yields what happens while the pictures are painted: for each at last Arrived or Failed.

        paintings: the contents of their files, by digest.
        is_ahead: whether some are ordered before a worker is free, so that none has to wait.

        Raises:
            SchedulerUnavailable: if the connection is lost; the pictures that had no last event
                are not painted.
        """
        with _connection_to(self._where):
            batch = _Batch(self._client, deque(works), paintings, is_ahead=is_ahead)
            while batch.is_unfinished:
                yield from batch.fill()
                yield from batch.advance()

    def close(self) -> None:
        """Closes the connection; the workers stop what they paint for it."""
        self._client.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _connection_to(where: str) -> Iterator[None]:
    """Turns what Dask raises when a connection is lost into SchedulerUnavailable, within it."""
    try:
        yield
    except (OSError, CancelledError) as error:
        raise SchedulerUnavailable(_LOST.format(where=where)) from error


@dataclass(frozen=True)
class _Ordered:
    """A picture that is ordered. worker: that is to paint it, if it lives; None: any."""

    work: Work
    future: Future
    worker: str | None


class _Batch:
    def __init__(
        self,
        client: Client,
        waiting: deque[Work],
        paintings: Mapping[str, bytes],
        *,
        is_ahead: bool,
    ) -> None:
        self._client = client
        self._waiting = waiting
        self._is_ahead = is_ahead
        self._paintings = {
            digest: client.submit(tasks.as_it_is, data, key=f"impasto-painting-{digest}")
            for digest, data in paintings.items()
        }
        self._ordered: dict[str, _Ordered] = {}
        self._done: SimpleQueue[str] = SimpleQueue()
        self._workers: list[str] = []
        self._places = 0
        self._counted_s = -math.inf

    @property
    def is_unfinished(self) -> bool:
        """True while there is a picture without its last event."""
        return bool(self._waiting or self._ordered)

    def fill(self) -> Iterator[Event]:
        """Orders pictures until the workers have enough; yields those that cannot be ordered."""
        if time.monotonic() - self._counted_s >= self._patience_s:
            had_places = self._places > 0 or self._counted_s == -math.inf
            self._count_places()
            self._counted_s = time.monotonic()
            if not self._places and had_places:
                yield NoWorkers()
        while self._waiting and len(self._ordered) < self._enough:
            yield from self._order(self._waiting.popleft(), None)

    def _order(self, work: Work | None, worker: str | None) -> Iterator[Event]:
        """Orders a picture; yields those that cannot be ordered, before one that follows them."""
        while work is not None:
            try:
                order = work.order()
            except ImpastoError as error:
                yield Failed(work.name, error)
                work = work.follow()
            else:
                if not self._is_ahead:
                    worker = worker or self._free_worker()
                self._submit(work, order, worker)
                return

    @property
    def _patience_s(self) -> float:
        """The time after which the workers are counted again."""
        return _LOOK_S if self._places else _LOOK_FOR_WORKERS_S

    @property
    def _enough(self) -> int:
        """The number of pictures under way; if more are ordered, no worker waits for its next."""
        return self._places + self._places // 4 + 1 if self._is_ahead else max(1, self._places)

    def _count_places(self) -> None:
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        places = {name: worker["resources"].get(RESOURCE, 0) for name, worker in workers.items()}
        self._workers = [name for name, count in places.items() if count]
        self._places = int(sum(places.values()))

    def _free_worker(self) -> str | None:
        """Returns a worker that paints nothing; by itself, Dask prefers those with the paintings.

        Those can go elsewhere, and do, when a worker has too much to do. What follows cannot.
        """
        busy = {ordered.worker for ordered in self._ordered.values()}
        return next((worker for worker in self._workers if worker not in busy), None)

    def _submit(self, work: Work, order: Order, worker: str | None) -> None:
        paintings = [self._paintings[source.sha256] for source in order.record.paintings]
        future = self._client.submit(
            tasks.paint,
            order,
            *paintings,
            key=f"impasto-{uuid.uuid4().hex}",
            resources={RESOURCE: 1},
            retries=_RETRIES,
            workers=worker and [worker],
            allow_other_workers=worker is not None,
        )
        self._ordered[future.key] = _Ordered(work, future, worker)
        future.add_done_callback(lambda done: self._done.put(done.key))

    def advance(self) -> Iterator[Event]:
        """Yields the end of the next picture, waiting a while for it."""
        if not self._ordered:
            return
        try:
            key = self._done.get(timeout=self._patience_s)
        except Empty:
            return
        ordered = self._ordered.pop(key)
        work, future, worker = ordered.work, ordered.future, None
        if future.status == "error":
            yield Failed(work.name, _error_of(work.name, future.exception()))
        else:
            outcome: Outcome = future.result()  # raises CancelledError if the scheduler is lost
            worker = outcome.worker
            if outcome.problem is not None:
                yield Failed(work.name, outcome.problem.error)
            else:
                yield Arrived(work.name, outcome.file, outcome.notes)
        yield from self._order(work.follow(), worker)


def _error_of(name: str, error: BaseException) -> ImpastoError:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return ImpastoError(_DIED.format(name=name))
    reason = " ".join(str(error).split())
    return ImpastoError(_BROKEN.format(name=name, kind=type(error).__name__, reason=reason))
