"""Frames painted in order by a daemon: each begins from the one before it, moved along the flow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from impasto_daemon.commands.batch.display import Display
from impasto_daemon.commands.batch.locally import connect
from impasto_daemon.commands.batch.plan import Picture
from impasto_daemon.commands.batch.record import Record
from impasto_daemon.commands.batch.results import Batch
from impasto_daemon.commands.client.painting_job import write_picture
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.style_transfer.images.optical_flow import check_flow, moved
from impasto_shared.beginning import Beginning
from impasto_shared.client import Client
from impasto_shared.errors import DaemonUnavailable, ErrorCode, ImpastoError
from impasto_shared.image import Image
from impasto_shared.protocol.reports import JobState

_CANCELLED = "{name} is not painted: its job was cancelled."


@dataclass(frozen=True)
class _Frame:
    """A frame that is on the disk, painted."""

    record: Record
    photo: Image
    painted: Image


def paint_in_order(
    batch: Batch, frames: Sequence[Picture], endpoint: str, display: Display
) -> None:
    """Paints the frames of a batch that are not painted yet.

    A frame whose predecessor failed, or has another size, begins from scratch.

    Raises:
        DaemonUnavailable: if the daemon ends again before a frame is finished.
        FlowMissing: if optical flow cannot be calculated.
    """
    check_flow()
    while batch.pending:
        before = len(batch.pending)
        try:
            with connect(endpoint) as client:
                _Run(batch, client, display, len(frames)).paint(frames)
        except DaemonUnavailable:
            if len(batch.pending) == before:
                raise


@dataclass
class _Run:
    batch: Batch
    client: Client
    display: Display
    count: int
    former: _Frame | None = None

    def paint(self, frames: Sequence[Picture]) -> None:
        """Paints what is pending, in order."""
        for picture in frames:
            name = str(picture.target)
            try:
                self.former = self._painted(name, picture)
            except ImpastoError as error:
                if isinstance(error, DaemonUnavailable):
                    raise
                if error.code is ErrorCode.SHUTTING_DOWN:
                    raise DaemonUnavailable(str(error)) from error
                self.former = None
                if name in self.batch.pending:  # and not only unreadable now
                    self.batch.fail(name, error)

    def _painted(self, name: str, picture: Picture) -> _Frame:
        """Returns a frame after painting it, if it is not on the disk."""
        photo = picture.read()
        former = None if self.former is None else self.former.record
        record = picture.record(photo, former)
        if name not in self.batch.pending or picture.is_painted(record):
            if name in self.batch.pending:
                del self.batch.pending[name]
                self.batch.were_there += 1
            return _Frame(record, read_image(picture.photo, photo), read_image(picture.target))
        task = picture.task(photo)
        del photo
        beginning = self._beginning(task.content, task.settings.size)
        job = self.client.submit(task.content, task.styles, task.settings, begin_from=beginning)
        painted = self._result(name, job)
        write_picture(painted, job, picture.target, record.text())
        self.batch.finish(name)
        with suppress(ImpastoError):  # the picture is on the disk
            self.client.forget(job)
        return _Frame(record, task.content, painted)

    def _beginning(self, content: Image, size: int) -> Beginning | None:
        former = self.former
        if former is None:
            return None
        sizes = {(each.width, each.height) for each in (former.photo, former.painted, content)}
        if len(sizes) > 1:
            return None
        warped, trust = moved(former.photo, content, former.painted)
        return Beginning(warped, size, trust)

    def _result(self, name: str, job: str) -> Image:
        try:
            for report in self.client.updates(job):
                if report.state is JobState.RUNNING:
                    finished = self.count - len(self.batch.pending)
                    self.display.show(name, finished, report.done)
        except BaseException:
            with suppress(ImpastoError):
                self.client.cancel(job)
            raise
        if report.problem is not None:
            raise report.problem.error
        if report.state is not JobState.DONE:
            raise ImpastoError(_CANCELLED.format(name=name))
        return self.client.fetch(job)
