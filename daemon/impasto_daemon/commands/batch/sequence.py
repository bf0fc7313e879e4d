"""Films painted by a daemon, frame by frame: each begins from the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from impasto_daemon.commands.batch.display import Display
from impasto_daemon.commands.batch.films import Film, Frame, Walk
from impasto_daemon.commands.batch.locally import connect
from impasto_daemon.commands.batch.results import Batch
from impasto_daemon.commands.client.painting_job import write_picture
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.style_transfer.images.optical_flow import check_flow
from impasto_shared.beginning import Beginning, beginning_of
from impasto_shared.client import Client
from impasto_shared.errors import DaemonUnavailable, ErrorCode, ImpastoError
from impasto_shared.image import Image
from impasto_shared.protocol.reports import JobState

_CANCELLED = "{name} is not painted: its job was cancelled."


def paint_in_order(batch: Batch, films: Sequence[Film], endpoint: str, display: Display) -> None:
    """Paints the frames that are not painted yet, film by film.

    A frame whose predecessor failed, or has another size, begins from scratch.

    Raises:
        DaemonUnavailable: if the daemon ends again before a frame is finished.
        FlowMissing: if optical flow cannot be calculated.
    """
    check_flow()
    count = len(batch.pending)
    for film in films:
        walk = Walk(batch, film)
        while walk.frame is not None:
            before = len(batch.pending)
            try:
                with connect(endpoint) as client:
                    _Run(batch, client, display, count).paint(walk)
            except DaemonUnavailable:
                if len(batch.pending) == before:
                    raise


class _Run:
    def __init__(self, batch: Batch, client: Client, display: Display, count: int) -> None:
        self._batch = batch
        self._client = client
        self._display = display
        self._count = count

    def paint(self, walk: Walk) -> None:
        """Paints a film."""
        while (frame := walk.frame) is not None:
            try:
                self._paint(frame, walk.former)
            except ImpastoError as error:
                if isinstance(error, DaemonUnavailable):
                    raise
                if error.code is ErrorCode.SHUTTING_DOWN:
                    raise DaemonUnavailable(str(error)) from error
                walk.fail(error)
            else:
                walk.finish()

    def _paint(self, frame: Frame, former: Frame | None) -> None:
        task = frame.picture.task(frame.data)
        beginning = None if former is None else _beginning(former, task.content)
        job = self._client.submit(task.content, task.styles, task.settings, begin_from=beginning)
        painted = self._result(frame.name, job)
        write_picture(painted, job, frame.picture.target, frame.record.text())
        with suppress(ImpastoError):  # the picture is on the disk
            self._client.forget(job)

    def _result(self, name: str, job: str) -> Image:
        try:
            for report in self._client.updates(job):
                if report.state is JobState.RUNNING:
                    finished = self._count - len(self._batch.pending)
                    self._display.show(name, finished, report.done)
        except BaseException:
            with suppress(ImpastoError):
                self._client.cancel(job)
            raise
        if report.problem is not None:
            raise report.problem.error
        if report.state is not JobState.DONE:
            raise ImpastoError(_CANCELLED.format(name=name))
        return self._client.fetch(job)


def _beginning(former: Frame, now: Image) -> Beginning | None:
    picture = former.picture
    before = picture.image(former.data, on_note=lambda *_: None)  # they have been told
    return beginning_of(before, now, read_image(picture.target), picture.settings.size)
