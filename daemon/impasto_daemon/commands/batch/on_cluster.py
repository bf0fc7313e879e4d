"""A batch painted by the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from impasto_daemon.cluster.painting import (
    RESOURCE,
    Arrived,
    Cluster,
    NoWorkers,
    SchedulerUnavailable,
    Work,
    connect,
)
from impasto_daemon.commands.batch.display import Display
from impasto_daemon.commands.batch.results import Batch
from impasto_daemon.commands.image_file import write_file
from impasto_daemon.commands.output import warn
from impasto_shared.batch import Failed
from impasto_shared.errors import ImpastoError

# Losses of the scheduler, one after the other, without a picture in between.
_MAX_LOSSES = 3


def paint_on_cluster(
    batch: Batch, display: Display, *, address: str | None, file: Path | None, shares_files: bool
) -> None:
    """Paints what is pending, also with a scheduler that is started again meanwhile.

    address, file: of the scheduler; one of them.
    shares_files: whether workers read the photos and write the pictures themselves.

    Raises:
        SchedulerUnavailable: if there is none.
        VersionsDiffer: if its workers cannot take the orders of this program.
    """
    count, losses = len(batch.pending), 0
    while batch.pending:
        before = len(batch.pending)
        with connect(address=address, file=file) as cluster:
            try:
                _paint(batch, cluster, display, count, shares_files=shares_files)
            except SchedulerUnavailable as error:
                losses = 1 if len(batch.pending) < before else losses + 1
                if losses == _MAX_LOSSES:
                    raise
                warn(f"impasto: {error} Connecting again…")


def _paint(
    batch: Batch, cluster: Cluster, display: Display, count: int, *, shares_files: bool
) -> None:
    paintings = {
        painting.source.sha256: painting.data
        for picture in batch.pending.values()
        for painting in picture.paintings
    }
    works = list(_works(batch, shares_files=shares_files))
    for event in cluster.paint_all(works, paintings):
        if isinstance(event, NoWorkers):
            warn(
                f"impasto: The cluster has no worker with the resource {RESOURCE}, and is waited "
                f"for. Start one with: dask worker ADDRESS --resources {RESOURCE}=1"
            )
            continue
        if isinstance(event, Failed):
            batch.fail(event.name, event.error)
        else:
            _take(event, batch)
        display.show(event.name, count - len(batch.pending), 0.0)


def _works(batch: Batch, *, shares_files: bool) -> Iterator[Work]:
    for name, picture in batch.pending.items():
        yield Work(name, partial(picture.order, shares_files=shares_files))


def _take(event: Arrived, batch: Batch) -> None:
    for note in event.notes:
        warn(f"impasto: {note}")
    try:
        if event.file is not None:
            write_file(batch.pending[event.name].target, event.file)
    except ImpastoError as error:
        batch.fail(event.name, error)
    else:
        batch.finish(event.name)
