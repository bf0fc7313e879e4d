"""A batch painted by the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from impasto_daemon.cluster.order import Former, Order
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
from impasto_daemon.commands.batch.films import Film, Walk
from impasto_daemon.commands.batch.results import Batch
from impasto_daemon.commands.image_file import read_file, write_file
from impasto_daemon.commands.output import warn
from impasto_daemon.style_transfer.images.optical_flow import check_flow
from impasto_shared.batch import Failed
from impasto_shared.errors import ImpastoError

# Losses of the scheduler, one after the other, without a picture in between.
_MAX_LOSSES = 3


@dataclass(frozen=True)
class Place:
    """The place of a scheduler: its address, or the file that it has written."""

    address: str | None
    file: Path | None


def paint_on_cluster(batch: Batch, display: Display, place: Place, *, shares_files: bool) -> None:
    """Paints what is pending, also with a scheduler that is started again meanwhile.

    shares_files: whether workers read the photos and write the pictures themselves.

    Raises:
        SchedulerUnavailable: if there is none.
        VersionsDiffer: if its workers cannot take the orders of this program.
    """
    paintings, count = _paintings_of(batch), len(batch.pending)

    def paint(cluster: Cluster) -> None:
        works = [
            Work(name, partial(picture.order, shares_files=shares_files))
            for name, picture in batch.pending.items()
        ]
        for event in cluster.paint_all(works, paintings):
            if isinstance(event, NoWorkers):
                _tell_no_workers()
                continue
            if (error := _error_in(event, batch)) is None:
                batch.finish(event.name)
            else:
                batch.fail(event.name, error)
            display.show(event.name, count - len(batch.pending), 0.0)

    _paint_with(paint, batch, place)


def paint_films_on_cluster(
    batch: Batch, films: Sequence[Film], display: Display, place: Place
) -> None:
    """Paints films, each on one worker as long as that lives; as many at a time as there are.

    The frame before goes with each, so that another worker can go on with it.

    Raises:
        FlowMissing: if optical flow cannot be calculated here, and so hardly there.
        SchedulerUnavailable, VersionsDiffer: as `paint_on_cluster` does.
    """
    check_flow()
    paintings, count = _paintings_of(batch), len(batch.pending)
    walks = [Walk(batch, film) for film in films]

    def paint(cluster: Cluster) -> None:
        walk_of: dict[str, Walk] = {}
        works = [work for walk in walks if (work := _next_work(walk, walk_of)) is not None]
        for event in cluster.paint_all(works, paintings, is_ahead=False):
            if isinstance(event, NoWorkers):
                _tell_no_workers()
                continue
            walk = walk_of[event.name]
            if (error := _error_in(event, batch)) is None:
                walk.finish()
            else:
                walk.fail(error)
            display.show(event.name, count - len(batch.pending), 0.0)

    _paint_with(paint, batch, place)


def _next_work(walk: Walk, walk_of: dict[str, Walk]) -> Work | None:
    """Returns the next frame of a film as work; None if it is finished."""
    frame = walk.frame
    if frame is None:
        return None
    walk_of[frame.name] = walk
    return Work(frame.name, partial(_order, walk), partial(_next_work, walk, walk_of))


def _order(walk: Walk) -> Order:
    frame, former = walk.frame, walk.former
    if frame is None:
        raise ImpastoError("The film is finished.")
    known = None
    if former is not None:
        painted = read_file(former.picture.target)
        known = Former(str(former.picture.photo), former.data, painted)
    return frame.picture.order_of(frame.data, frame.record, known)


def _paint_with(paint: Callable[[Cluster], None], batch: Batch, place: Place) -> None:
    """Calls `paint` until nothing is pending, with a new connection when one is lost."""
    losses = 0
    while batch.pending:
        before = len(batch.pending)
        with connect(address=place.address, file=place.file) as cluster:
            try:
                paint(cluster)
            except SchedulerUnavailable as error:
                losses = 1 if len(batch.pending) < before else losses + 1
                if losses == _MAX_LOSSES:
                    raise
                warn(f"impasto: {error} Connecting again…")


def _paintings_of(batch: Batch) -> Mapping[str, bytes]:
    """Returns the contents of the paintings' files, by digest."""
    return {
        painting.source.sha256: painting.data
        for picture in batch.pending.values()
        for painting in picture.paintings
    }


def _tell_no_workers() -> None:
    warn(
        f"impasto: The cluster has no worker with the resource {RESOURCE}, and is waited "
        f"for. Start one with: dask worker ADDRESS --resources {RESOURCE}=1"
    )


def _error_in(event: Arrived | Failed, batch: Batch) -> ImpastoError | None:
    """Returns why a picture is not on the disk; None after writing it there."""
    if isinstance(event, Failed):
        return event.error
    for note in event.notes:
        warn(f"impasto: {note}")
    try:
        if event.file is not None:
            write_file(batch.pending[event.name].target, event.file)
    except ImpastoError as error:
        return error
    return None
