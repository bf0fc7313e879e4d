"""A batch painted by a daemon, which is started again if it ends meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from impasto_daemon.commands.batch.display import Display
from impasto_daemon.commands.batch.plan import Picture
from impasto_daemon.commands.batch.record import Record
from impasto_daemon.commands.batch.results import Batch
from impasto_daemon.commands.client.painting_job import write_picture
from impasto_daemon.commands.command_parser import CLIENT_NAME, this_program
from impasto_daemon.commands.output import warn
from impasto_shared.batch import Event, Failed, Painted, Progress, Task, Work, paint_all
from impasto_shared.client import Client
from impasto_shared.errors import DaemonUnavailable, ImpastoError
from impasto_shared.launcher import connect_or_start
from impasto_shared.protocol.reports import JobState


def paint_locally(batch: Batch, endpoint: str, display: Display) -> None:
    """Paints what is pending.

    Raises:
        DaemonUnavailable: if the daemon ends again before a picture is finished.
    """
    count = len(batch.pending)
    while batch.pending:
        before = len(batch.pending)
        try:
            with connect(endpoint) as client:
                run = _Run(batch, client)
                for event in paint_all(client, run.works()):
                    run.note(event)
                    finished = count - len(batch.pending)
                    display.show(event.name, finished, sum(run.shares.values()))
        except DaemonUnavailable:
            if len(batch.pending) == before:
                raise


def connect(endpoint: str) -> Client:
    """Returns a client of the daemon, which is started if none runs."""
    return connect_or_start(
        endpoint,
        name=CLIENT_NAME,
        command=this_program,
        on_start=lambda: warn("Starting the Impasto daemon…"),
    )


@dataclass
class _Run:
    """The pictures that one daemon paints.

    records: the records of those whose photo has been read.
    shares: what is done of those that are being painted, from 0 to 1.
    """

    batch: Batch
    client: Client
    records: dict[str, Record] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)

    def works(self) -> Iterator[Work]:
        """Yields what is to be painted."""
        for name, picture in self.batch.pending.items():
            yield Work(name, partial(self._task, name, picture))

    def _task(self, name: str, picture: Picture) -> Task:
        photo = picture.read()
        self.records[name] = picture.record(photo)
        return picture.task(photo)

    def note(self, event: Event) -> None:
        """Notes what has happened, and writes a finished picture."""
        if isinstance(event, Progress):
            if event.report.state is JobState.RUNNING:
                self.shares[event.name] = event.report.done
            return
        self.shares.pop(event.name, None)
        if isinstance(event, Failed):
            self.batch.fail(event.name, event.error)
        else:
            self._write(event)

    def _write(self, event: Painted) -> None:
        target = self.batch.pending[event.name].target
        try:
            write_picture(event.image, event.job, target, self.records.pop(event.name).text())
        except ImpastoError as error:
            self.batch.fail(event.name, error)
            return
        self.batch.finish(event.name)
        with suppress(ImpastoError):  # the picture is on the disk
            self.client.forget(event.job)
