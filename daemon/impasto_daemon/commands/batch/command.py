"""The command `impasto batch`: repaints many photos, and continues where it ended the last time."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from impasto_daemon.commands.client.painting_job import add_setting, one_each, write_picture
from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    EXIT_CANCELLED,
    EXIT_FAILED,
    Subparsers,
    add_command,
    add_endpoint,
    this_program,
)
from impasto_daemon.commands.output import say, warn
from impasto_shared.batch import Event, Failed, Painted, Progress, Task, Work, paint_all
from impasto_shared.errors import DaemonUnavailable, ImpastoError, InvalidSettings
from impasto_shared.launcher import connect_or_start
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import SETTINGS, Mode, StyleSettings

if TYPE_CHECKING:
    from impasto_daemon.commands.batch.display import Display
    from impasto_daemon.commands.batch.plan import Choices, Picture
    from impasto_daemon.commands.batch.record import Record
    from impasto_shared.client import Client

DEFAULT_NAME = "{photo}.png"
DEFAULT_NAME_OF_EACH = "{photo}_{painting}.png"


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command, with an option for each setting."""
    command = add_command(
        subparsers,
        "batch",
        "repaint many photos in the style of paintings",
        run,
        details="Pictures that are there are not painted again: after an interruption, run the "
        "same command once more.",
    )
    command.add_argument(
        "photos",
        nargs="*",
        metavar="photo",
        help="a photo, a folder of photos, or a pattern such as 'holiday/*.jpg'",
    )
    command.add_argument(
        "--list",
        action="append",
        default=[],
        metavar="FILE",
        help="a file with a photo, folder or pattern in each line; - for standard input",
    )
    command.add_argument(
        "--style",
        type=Path,
        nargs="+",
        default=[],
        metavar="PAINTING",
        help="the paintings to take the style from; only --mode content needs none",
    )
    command.add_argument(
        "--weights",
        nargs="+",
        type=float,
        metavar="WEIGHT",
        help="relative weight of each painting (default: the same for all)",
    )
    command.add_argument(
        "--each",
        action="store_true",
        help="paint each photo after each painting, instead of after all of them together",
    )
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the pictures go"
    )
    command.add_argument(
        "--name",
        metavar="TEMPLATE",
        help="name of a picture, with {photo}, {painting} and {number} (default: "
        f"{DEFAULT_NAME}, or with --each {DEFAULT_NAME_OF_EACH})",
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace other files that have a picture's name"
    )
    for setting in SETTINGS:
        add_setting(command, setting)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Paints what is not painted yet; lists at the end what could not be."""
    from impasto_daemon.commands.batch.display import new_display
    from impasto_daemon.commands.batch.photos import find_photos
    from impasto_daemon.commands.batch.plan import plan

    choices = _choices(options)
    if not (options.photos or options.list):
        raise InvalidSettings("photos", "No photo is given. Name photos, or folders of them.")
    batch = Batch(options.endpoint)
    for picture in plan(find_photos(options.photos, options.list), choices):
        if isinstance(picture, ImpastoError):
            batch.failures.append(picture)
        else:
            batch.add(picture)
    try:
        if batch.pending:
            with new_display(len(batch.pending)) as display:
                batch.paint(display)
    except KeyboardInterrupt:
        batch.report()
        warn(f"Cancelled: {_pictures(len(batch.pending))} not painted. {_GO_ON}")
        return EXIT_CANCELLED
    except BaseException:
        batch.report()
        raise
    batch.report()
    return EXIT_FAILED if batch.failures else 0


_GO_ON = "To go on, run the same command again."


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def _choices(options: argparse.Namespace) -> Choices:
    """Returns what all pictures have in common. Raises an error before anything is painted."""
    from impasto_daemon.commands.batch.naming import check_template
    from impasto_daemon.commands.batch.plan import Choices, read_painting

    values = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    settings = StyleSettings.from_json(values)
    template = options.name or (DEFAULT_NAME_OF_EACH if options.each else DEFAULT_NAME)
    check_template(template)
    if not options.style and settings.mode is not Mode.CONTENT:
        raise InvalidSettings("style", "No painting is given. Name one or more with --style.")
    weights = one_each(options.weights, len(options.style), 1.0, "weights")
    paintings = [read_painting(*each) for each in zip(options.style, weights, strict=True)]
    options.output.mkdir(parents=True, exist_ok=True)
    is_each = options.each and bool(paintings)
    return Choices(settings, paintings, is_each, options.output, template, options.overwrite)


@dataclass
class Batch:
    """The pictures of a run, with what became of them.

    pending: those that are neither painted nor failed, by the name of their file.
    records: the records of those whose photo has been read.
    shares: what is done of those that are being painted, from 0 to 1.
    """

    endpoint: str
    pending: dict[str, Picture] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    painted: int = 0
    were_there: int = 0
    failures: list[ImpastoError] = field(default_factory=list)

    def add(self, picture: Picture) -> None:
        """Adds a picture, unless it is painted."""
        try:
            if picture.is_painted():
                self.were_there += 1
            else:
                self.pending[str(picture.target)] = picture
        except ImpastoError as error:
            self.failures.append(error)

    def paint(self, display: Display) -> None:
        """Paints what is pending; starts the daemon again if it ends meanwhile.

        Raises:
            DaemonUnavailable: if the daemon ends again before a picture is finished.
        """
        count = len(self.pending)
        while self.pending:
            before = len(self.pending)
            self.shares.clear()
            try:
                with self._connect() as client:
                    for event in paint_all(client, self._works()):
                        self._note(event, client)
                        finished = count - len(self.pending)
                        display.show(event.name, finished, sum(self.shares.values()))
            except DaemonUnavailable:
                if len(self.pending) == before:
                    raise

    def _connect(self) -> Client:
        return connect_or_start(
            self.endpoint,
            name=CLIENT_NAME,
            command=this_program,
            on_start=lambda: warn("Starting the Impasto daemon…"),
        )

    def _works(self) -> Iterator[Work]:
        for name, picture in self.pending.items():
            yield Work(name, partial(self._task, name, picture))

    def _task(self, name: str, picture: Picture) -> Task:
        # First: a photo that is replaced meanwhile is then another one the next time.
        self.records[name] = picture.record()
        return picture.task()

    def _note(self, event: Event, client: Client) -> None:
        if isinstance(event, Progress):
            if event.report.state is JobState.RUNNING:
                self.shares[event.name] = event.report.done
            return
        self.shares.pop(event.name, None)
        picture = self.pending.pop(event.name)
        if isinstance(event, Failed):
            self.failures.append(event.error)
        else:
            self._write(picture, event, client)

    def _write(self, picture: Picture, event: Painted, client: Client) -> None:
        note = self.records.pop(event.name).text()
        try:
            write_picture(event.image, event.job, picture.target, note)
        except ImpastoError as error:
            self.failures.append(error)
            return
        self.painted += 1
        say(event.name)
        with suppress(ImpastoError):  # the picture is on the disk
            client.forget(event.job)

    def report(self) -> None:
        """Prints how many pictures there are, and why others are not."""
        counts = [f"{_pictures(self.painted)} painted"]
        if self.were_there:
            counts.append(f"{self.were_there} there before")
        if self.failures:
            counts.append(f"{len(self.failures)} failed")
        warn(f"{', '.join(counts)}.")
        for error in self.failures:
            warn(f"impasto: {error}")
