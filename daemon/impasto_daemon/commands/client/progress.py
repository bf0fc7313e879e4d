"""Estimates and progress of jobs on the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from impasto_daemon.commands.output import can_redraw, warn
from impasto_shared.client import Client
from impasto_shared.image import Image
from impasto_shared.protocol.messages import ForecastReport
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from impasto_shared.text.durations import format_duration

_BAR_CHARACTERS = 30
# A daemon that works sends something more often than this.
_SILENCE_S = 2.0
_NARROWEST_BAR = 5
_USUAL_COLUMNS = 80
_CLEAR_REST_OF_LINE = "\033[K"


def print_estimate(
    client: Client,
    settings: StyleSettings,
    content: Image,
    styles: Sequence[Style],
    begun_px: int,
) -> None:
    """Prints on standard error how much time and memory a job will take, if the daemon knows.

    begun_px: as in `Client.forecast`.
    """
    size = content.width, content.height
    forecast = client.forecast(settings, *size, paintings=len(styles), begun_px=begun_px)
    if forecast is None:
        return
    warn(estimate_line(forecast))


def estimate_line(forecast: ForecastReport) -> str:
    """Returns an estimate of time and memory as a sentence.

    >>> estimate_line(ForecastReport("", 30.0, 0.0, 1_800_000_000, 6_000_000_000, tiles=4))
    'Estimated: 30 s, 1.8 of 6.0 GB, 4 tiles.'
    """
    figures = []
    if forecast.painting_s is not None:
        figures.append(format_duration(forecast.start_s + forecast.painting_s))
    memory = f"{forecast.needed_bytes / 1e9:.1f}"
    if forecast.available_bytes is not None:
        memory += f" of {forecast.available_bytes / 1e9:.1f}"
    figures.append(f"{memory} GB")
    if forecast.tiles > 1:
        figures.append(f"{forecast.tiles} tiles")
    if forecast.waiting_s:
        figures.append(f"after {format_duration(forecast.waiting_s)} of waiting")
    return f"Estimated: {', '.join(figures)}."


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
        if client.silent_s > _SILENCE_S and can_redraw(sys.stderr):
            _redraw(sys.stderr, _silence(client))


def _silence(client: Client) -> str:
    if client.is_connected:
        return f"The daemon has not responded for {client.silent_s:.0f} s…"
    return f"No connection to the daemon for {client.silent_s:.0f} s. Connecting again…"


def _is_done(final: JobReport) -> bool:
    if final.problem is not None:
        raise final.problem.error
    if final.state is JobState.CANCELLED:
        warn("impasto: the job was cancelled")
    return final.state is JobState.DONE


def _show(report: JobReport, stream: TextIO) -> None:
    """Redraws the bar on a terminal; writes one line at the job's end to anything else."""
    if can_redraw(stream):
        line = progress_line(report, _columns(stream) - 1)
        _redraw(stream, line, "\n" if report.state.is_final else "")
    elif report.state.is_final:
        stream.write(progress_line(report) + "\n")


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS


def _redraw(stream: TextIO, line: str, end: str = "") -> None:
    """Writes a line over the last one: a line that is too long would become several."""
    stream.write(f"\r{line[: _columns(stream) - 1]}{_CLEAR_REST_OF_LINE}{end}")
    stream.flush()


def progress_line(report: JobReport, columns: int = _USUAL_COLUMNS) -> str:
    """Returns the progress of a job as one line, with a bar if one fits into that many columns.

    >>> progress_line(JobReport("", JobState.RUNNING, step=80, steps=90, done=0.5, eta_s=61))
    '[###############...............]  80/90  61 s left'
    """
    remaining = ""
    if report.eta_s is not None and not report.state.is_final:
        remaining = f"  {format_duration(report.eta_s)} left"
    if report.state is JobState.QUEUED:
        jobs = "1 job" if report.position == 1 else f"{report.position} jobs"
        return f"waiting, {jobs} ahead{remaining}"
    if report.state is JobState.RUNNING and report.step == 0:
        return "loading the network…"
    if not report.steps:  # it was no painting, or never began
        return str(report.state.value)
    figures = f"{report.step:3d}/{report.steps}"
    if report.loss is not None:
        figures += f"  loss {report.loss:.4g}"
    figures += remaining
    characters = min(_BAR_CHARACTERS, columns - len(figures) - len("[] "))
    if characters < _NARROWEST_BAR:
        return figures
    filled = int(characters * report.done)
    return f"[{'#' * filled}{'.' * (characters - filled)}] {figures}"
