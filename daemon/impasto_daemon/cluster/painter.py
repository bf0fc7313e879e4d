"""The workers' part of a batch: one picture after the other.

The processes are Dask's, and so are their number, their restarts and their connections.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from distributed import Worker, get_worker

from impasto_daemon.cluster.order import Order, Outcome
from impasto_daemon.commands.batch.record import Record, Source, digest_of
from impasto_daemon.commands.image_file import (
    check_encodable,
    check_room,
    check_writable,
    encode,
    read_file,
    read_image,
    write_file,
)
from impasto_daemon.style_transfer.stylize import stylize
from impasto_daemon.system.malloc import keep_freed_memory, release_freed_memory
from impasto_daemon.worker.device_memory import device_bytes, release_gpu_memory
from impasto_daemon.worker.devices import device_of
from impasto_daemon.worker.loaded_network import LoadedNetwork
from impasto_shared.beginning import Beginning, beginning_of
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image
from impasto_shared.protocol.reports import Problem
from impasto_shared.style import Style, check_styles

# A worker that offers more than one place has one network all the same.
_PAINTING = threading.Lock()


class _Cancelled(Exception):
    """The program with the batch has given the picture up."""


def paint(order: Order, *paintings: bytes) -> Outcome:
    """Paints a picture.

    What is wrong with the order itself is told in the outcome: another worker could not paint it
    either. Dask tries again after any other error, and when the worker dies.

    paintings: the contents of their files, in the record's order.
    """
    notes: list[str] = []
    worker = get_worker()
    should_stop = _cancellation(worker)
    with _PAINTING:
        try:
            file = _Job(order, worker, should_stop, notes).file(paintings)
        except ImpastoError as error:
            return Outcome(None, Problem.of(error), notes, worker.address)
        except _Cancelled:
            return Outcome(None, None, notes, worker.address)
        finally:
            release_freed_memory()
            release_gpu_memory(device_of(""))
    return Outcome(file, None, notes, worker.address)


class _Job:
    def __init__(
        self, order: Order, worker: Worker, should_stop: Callable[[], bool], notes: list[str]
    ) -> None:
        self._order = order
        self._target = Path(order.target)
        self._worker = worker
        self._should_stop = should_stop
        self._notes = notes

    def file(self, paintings: Sequence[bytes]) -> memoryview | None:
        """Returns the content of the picture's file, or None after writing it."""
        order, record = self._order, self._order.record
        name = record.photo.name
        photo = read_file(Path(name)) if order.photo is None else order.photo
        if order.photo is None:
            record = replace(record, photo=Source(name, digest_of(photo)))
            if record.is_in(self._target):  # this worker's predecessor died after writing it
                return None
            check_writable(self._target)
        content = read_image(name, photo, on_note=self._note)
        del photo
        has_alpha = content.format.has_alpha
        size = content.width, content.height
        check_encodable(self._target, *size, has_alpha=has_alpha, on_note=self._note)
        check_room(self._target, content, order.free_bytes)
        styles = [
            Style(read_image(source.name, painting, on_note=self._note), source.weight)
            for source, painting in zip(record.paintings, paintings, strict=True)
        ]
        check_styles(styles, content, record.settings)
        picture = encode(self._painted(content, styles, record), self._target, record.text())
        if self._should_stop():
            raise _Cancelled
        if order.photo is not None:
            return picture
        write_file(self._target, picture)
        return None

    def _beginning(self, content: Image, size: int) -> Beginning | None:
        former = self._order.former
        if former is None:
            return None
        before = read_image(former.name, former.photo, on_note=lambda *_: None)
        return beginning_of(before, content, read_image(former.name, former.painted), size)

    def _note(self, path: Path | str, text: str) -> None:
        self._notes.append(f"{path} {text}.")

    def _painted(self, content: Image, styles: Sequence[Style], record: Record) -> Image:
        # The threads that Dask has given to this worker; OpenMP counts them for each thread.
        torch.set_num_threads(self._worker.state.nthreads)
        networks = _networks()
        network = networks.get(record.settings, self._should_stop)
        return stylize(
            network,
            content,
            styles,
            record.settings,
            begin_from=self._beginning(content, record.settings.size),
            should_stop=self._should_stop,
            available_bytes=_memory_bytes(self._worker, networks.device),
        )


@cache
def _networks() -> LoadedNetwork:
    """Returns the network of this process, on its GPU if it has one."""
    keep_freed_memory()
    return LoadedNetwork(device_of(""))


def _memory_bytes(worker: Worker, device: torch.device) -> float:
    """Returns the bytes that this process may take on a device.

    On the processor less than what Dask pauses a worker at: it would then take no more pictures.
    """
    available = device_bytes(device)
    memory = worker.memory_manager
    if device.type == "cuda" or not memory.memory_limit:
        return available
    limit: float = memory.memory_limit * (memory.memory_pause_fraction or 1.0)
    return min(available, limit)


def _cancellation(worker: Worker) -> Callable[[], bool]:
    """Returns a function that tells whether the task of this thread has been given up.

    Dask itself lets a thread finish what it has begun.
    """
    key = worker.get_current_task()

    def is_cancelled() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    return is_cancelled
