"""Estimates of how long a job takes: how much slower this machine is than the model's.

The parts of a job and their seconds on one machine are known (`planning.time_model`). This machine
takes a multiple of them, its pace, which depends a little on the size, and on what the model does
not know of the settings. The paces of the last jobs are stored by kind and size, across restarts
too. Their median counts, of two the lower: a job that shared the machine with other work says
little about the next.

Every scale that a job has begun teaches a pace, also if the job was then stopped.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median_low

from impasto_daemon.server.jobs.pace_file import (
    REMEMBERED_JOBS,
    REMEMBERED_KINDS,
    REMEMBERED_SIZES,
    Paces,
    is_usable,
    read_paces,
)
from impasto_daemon.style_transfer.planning.segmentation import SEEN_PX
from impasto_daemon.style_transfer.planning.time_model import (
    GPU,
    PROCESSOR,
    ScaleTime,
    TimeModel,
    scale_of,
    scale_times,
    seconds_until,
)
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import SETTINGS, StyleSettings

logger = logging.getLogger(__name__)

_START = "start"
_START_SIDE = "1"
# What the pace of a job depends on, other than its size.
_KIND = ("model", "precision", "optimizer", "style_loss", "content_loss", "mode")
# Only of those who change them: they are long.
_SELDOM = ("content_layers", "style_layers")

Curve = Mapping[float, float]
"""Paces by the side of a square, in pixels."""


class ThroughputHistory:
    """The paces of earlier jobs, by the settings and the sizes that determine them.

    file: where they are stored; None: in memory only.
    has_gpu: returns whether jobs are painted on a GPU, which has paces of its own.
    """

    def __init__(
        self, file: Path | None = None, has_gpu: Callable[[], bool] = lambda: False
    ) -> None:
        self._file = file
        self._has_gpu = has_gpu
        self._paces: Paces = {}
        self._changes = 0
        if file is not None:
            self._paces, problem = read_paces(file)
            if problem:
                logger.warning("%s, or a part of it, cannot be read: %s", file, problem)

    @property
    def is_known(self) -> bool:
        """True if jobs have been painted on this kind of device."""
        return bool(self._of_device())

    @property
    def version(self) -> tuple[int, bool]:
        """The state that the estimates depend on: they are the same as long as it is."""
        return self._changes, self._has_gpu()

    @property
    def start_s(self) -> float:
        """The seconds that the painting process takes to start."""
        paces = self._paces.get(f"{self._device} {_START}", {}).get(_START_SIDE, [1.0])
        return self._model.start * median_low(paces)

    def record_start(self, seconds: float) -> None:
        """Records how long the painting process took to start and load the network."""
        self._add(f"{self._device} {_START}", {_START_SIDE: seconds / self._model.start})

    def record(self, work: Work, points: Sequence[CurvePoint]) -> None:
        """Records the steps of a job."""
        paces: dict[str, float] = {}
        scales = scale_times(work, self._model)
        for scale, pace in _paces_of(scales, points):
            paces[_rounded_side(scale.side_px)] = pace
        self._add(self._kind(work.settings), paces)

    def estimate_s(self, work: Work) -> float | None:
        """Returns how long such a job takes in a process that runs; None before the first job."""
        machine = self._machine()
        if not machine:
            return None
        own = _curve([self._paces.get(self._kind(work.settings), {})])
        correction = {side: pace / _at(machine, side) for side, pace in own.items()}
        seconds = 0.0
        pace = 1.0
        for scale in scale_times(work, self._model):
            pace = _at(machine, scale.side_px) * (
                _at(correction, scale.side_px) if correction else 1.0
            )
            seconds += pace * scale.seconds
        return seconds + pace * self._model.picture_px * work.width * work.height

    @property
    def segmentation_s(self) -> float | None:
        """The seconds to split a photo into regions; None before the first job."""
        machine = self._machine()
        return self._model.segmentation * _at(machine, SEEN_PX) if machine else None

    @property
    def _device(self) -> str:
        return "gpu" if self._has_gpu() else "cpu"

    @property
    def _model(self) -> TimeModel:
        return GPU if self._has_gpu() else PROCESSOR

    def _kind(self, settings: StyleSettings) -> str:
        names = [str(getattr(settings, name)) for name in _KIND]
        names += [
            str(getattr(settings, name))
            for name in _SELDOM
            if getattr(settings, name) != SETTINGS[name].default
        ]
        return " ".join([self._device, *names])

    def _of_device(self) -> Paces:
        device = self._device
        return {
            kind: sizes
            for kind, sizes in self._paces.items()
            if kind.split()[0] == device and kind != f"{device} {_START}"
        }

    def _machine(self) -> Curve:
        """Returns the paces of the usual kind of job, or of all if there was none of that kind."""
        kinds = self._of_device()
        usual = kinds.get(self._kind(StyleSettings()))
        return _curve(kinds.values() if usual is None else [usual])

    def _add(self, kind: str, paces: Mapping[str, float]) -> None:
        """Adds a pace to each of some sizes of a kind, and stores them."""
        usable = {side: pace for side, pace in paces.items() if is_usable(pace)}
        if not usable:
            return
        sizes = self._paces.pop(kind, {})
        for side, pace in usable.items():
            earlier = sizes.pop(side, [])
            sizes[side] = [*earlier, pace][-REMEMBERED_JOBS:]
        self._paces[kind] = dict(list(sizes.items())[-REMEMBERED_SIZES:])
        self._changes += 1
        if len(self._paces) > REMEMBERED_KINDS:
            del self._paces[next(iter(self._paces))]
        self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # The loop does not wait for the disk; damage is noticed when the file is read.
            data = json.dumps(self._paces).encode()
            write_atomically(self._file, data, is_synced=False)
        except OSError as error:
            logger.warning("the throughput of the last job cannot be stored: %s", error)


def longest_step_share(work: Work) -> float:
    """Returns the share of the longest step in the work of a job, in (0, 1]."""
    scales = work.scales
    return max(scale.longest_side_px**2 for scale in scales) / sum(scale.cost for scale in scales)


def _paces_of(
    scales: Sequence[ScaleTime], points: Sequence[CurvePoint]
) -> Iterable[tuple[ScaleTime, float]]:
    """Yields the scales of a job that have steps, and how their time compares with the model's."""
    spent = [0.0] * len(scales)
    planned = [0.0] * len(scales)
    for before, after in pairwise(points):
        number = scale_of(scales, after.step)
        spent[number] += after.seconds - before.seconds
        planned[number] += seconds_until(scales, after.step) - seconds_until(scales, before.step)
    for scale, spent_s, planned_s in zip(scales, spent, planned, strict=True):
        if planned_s > 0:
            yield scale, spent_s / planned_s


def _rounded_side(side_px: float) -> str:
    """Returns a side, rounded to a power of the root of two."""
    return str(round(2 ** (round(2 * math.log2(side_px)) / 2)))


def _curve(kinds: Iterable[Mapping[str, Sequence[float]]]) -> Curve:
    """Returns the medians of the paces of some kinds, by the side."""
    together: dict[float, list[float]] = {}
    for sizes in kinds:
        for side, paces in sizes.items():
            together.setdefault(float(side), []).extend(paces)
    return {side: median_low(together[side]) for side in sorted(together)}


def _at(curve: Curve, side_px: float) -> float:
    """Returns the pace at a side: between the sides of `curve` in proportion, else as the next."""
    sides = sorted(curve)
    below = max((side for side in sides if side <= side_px), default=sides[0])
    above = min((side for side in sides if side >= side_px), default=sides[-1])
    if below >= above:
        return curve[below]
    share = math.log(side_px / below) / math.log(above / below)
    pace: float = curve[below] ** (1 - share) * curve[above] ** share
    return pace
