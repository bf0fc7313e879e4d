"""Estimates and progress of jobs on the terminal."""

from __future__ import annotations

import sys
from typing import TextIO

from impasto_shared.client import Client
from impasto_shared.durations import format_duration
from impasto_shared.errors import DaemonError
from impasto_shared.reports import JobReport, JobState
from impasto_shared.settings import StyleSettings

_BAR_CHARACTERS = 30
# A daemon that works sends something more often than this.
_SILENCE_S = 2.0
_CLEAR_REST_OF_LINE = "\033[K"


def print_estimate(client: Client, settings: StyleSettings, width: int, height: int) -> None:
    """Prints on standard error how much time and memory a job will take, if the daemon knows."""
    forecast = client.forecast(settings, width, height)
    if forecast is None:
        return
    takes = [] if forecast.painting_s is None else [f"about {format_duration(forecast.painting_s)}"]
    available = forecast.available_bytes
    of_all = "" if available is None else f" of the {available / 1e9:.1f} GB there are"
    takes.append(f"{forecast.needed_bytes / 1e9:.1f} GB of memory{of_all}")
    in_tiles = f", in {forecast.tiles} tiles" if forecast.tiles > 1 else ""
    waiting = f", after waiting {format_duration(forecast.waiting_s)}" if forecast.waiting_s else ""
    print(f"Painting takes {' and '.join(takes)}{in_tiles}{waiting}.", file=sys.stderr)


def follow(client: Client, job: str) -> bool:
    """Shows a job's progress until it ends; returns False if it was cancelled.

    Raises:
        DaemonError: if the job failed.
    """
    while True:
        for report in client.poll(timeout_s=0.5):
            if report.job == job:
                _show(report, sys.stderr)
                if report.state.is_final:
                    return _is_done(report)
        if client.silent_s > _SILENCE_S and sys.stderr.isatty():
            _redraw(sys.stderr, f"the daemon is silent, for {client.silent_s:.0f} s …")


def _is_done(final: JobReport) -> bool:
    if final.problem is not None:
        raise DaemonError(final.problem.message, final.problem.code, final.problem.field)
    if final.state is JobState.CANCELLED:
        print("impasto: the job was cancelled", file=sys.stderr)
    return final.state is JobState.DONE


def _show(report: JobReport, stream: TextIO) -> None:
    """Redraws the bar on a terminal; writes one line at the job's end to anything else."""
    if stream.isatty():
        _redraw(stream, progress_line(report), "\n" if report.state.is_final else "")
    elif report.state.is_final:
        stream.write(progress_line(report) + "\n")


def _redraw(stream: TextIO, line: str, end: str = "") -> None:
    stream.write(f"\r{line}{_CLEAR_REST_OF_LINE}{end}")
    stream.flush()


def progress_line(report: JobReport) -> str:
    """Returns the progress of a job as one line.

    >>> progress_line(JobReport("", JobState.RUNNING, step=80, steps=90, done=0.5, eta_s=61))
    '[###############...............]  80/90  61 s left'
    """
    remaining = ""
    if report.eta_s is not None and not report.state.is_final:
        remaining = f"  {format_duration(report.eta_s)} left"
    if report.state is JobState.QUEUED:
        return f"waiting: {report.position} before this one{remaining}"
    if report.state is JobState.RUNNING and report.step == 0:
        return "loading the network …"
    filled = int(_BAR_CHARACTERS * report.done)
    bar = "#" * filled + "." * (_BAR_CHARACTERS - filled)
    line = f"[{bar}] {report.step:3d}/{report.steps}"
    if report.loss is not None:
        line += f"  loss {report.loss:.4g}"
    return line + remaining
