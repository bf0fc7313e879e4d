"""The progress of a batch: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from impasto_daemon.commands.output import can_redraw
from impasto_shared.text.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress


class Display(Protocol):
    """Shows how far a batch is."""

    def show(self, name: str, finished: int, under_way: float) -> None:
        """Shows how many pictures are finished, painted or not.

        name: of the one that the last news is of. under_way: the sum of the shares of those that
            are being painted.
        """


def new_display(count: int) -> AbstractContextManager[Display]:
    """Returns a display for `count` pictures, which lasts for the context."""
    if can_redraw(sys.stderr):
        return _Bar(count)
    return nullcontext(_Nothing())


class _Nothing:
    def show(self, name: str, finished: int, under_way: float) -> None:
        """Shows nothing: the names of the finished pictures are lines of their own."""


class _Bar(AbstractContextManager["_Bar"]):
    def __init__(self, count: int) -> None:
        self._count = count
        self._progress = _new_progress()
        self._task = self._progress.add_task("", total=count, pictures="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, name: str, finished: int, under_way: float) -> None:
        """Moves the bar."""
        self._progress.update(
            self._task,
            completed=finished + under_way,
            description=printable(name),
            pictures=f"{finished} of {self._count}",
        )


def _new_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.fields[pictures]}", markup=False),
        BarColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True, highlight=False),
        # Lines on the same terminal go above the bar.
        redirect_stdout=sys.stdout.isatty(),
        speed_estimate_period=600,
        transient=True,
    )
