"""Estimates of how long a job takes, from the throughput of earlier jobs on this machine.

The work of a job is known before it starts (`planning.scales`). The seconds per unit of work of the
last few jobs are stored, across restarts too. Their median counts, of two the lower: a job that
shared the machine with other work, or the first one, which waits for the disk, says little about
the next.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from statistics import median_low

from impasto_daemon.style_transfer.planning.padding import circular_padding_px
from impasto_daemon.style_transfer.planning.scales import plan_scales
from impasto_shared.atomic_write import write_atomically
from impasto_shared.settings import StyleSettings

logger = logging.getLogger(__name__)

_REMEMBERED_KINDS = 64
_REMEMBERED_JOBS = 5  # of each kind
# Seconds per pixel and evaluation: a processor of today takes some microseconds.
_FASTEST_S, _SLOWEST_S = 1e-15, 10.0
_MAX_FILE_BYTES = 2**20


class ThroughputHistory:
    """Seconds per unit of work in earlier jobs, by the settings that determine them.

    file: where they are stored; None: in memory only.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._seconds_per_unit: dict[str, list[float]] = {}
        if file is not None:
            self._seconds_per_unit, problem = read_throughput(file)
            if problem:
                logger.warning("%s, or a part of it, cannot be read: %s", file, problem)

    def record(self, settings: StyleSettings, width: int, height: int, seconds: float) -> None:
        """Records how long a job with a content of `width` × `height` pixels took."""
        newest = seconds / evaluated_px(settings, width, height)
        if not _is_usable(newest):
            return
        kind = _kind(settings)
        earlier = self._seconds_per_unit.pop(kind, [])
        self._seconds_per_unit[kind] = [*earlier, newest][-_REMEMBERED_JOBS:]
        if len(self._seconds_per_unit) > _REMEMBERED_KINDS:
            del self._seconds_per_unit[next(iter(self._seconds_per_unit))]
        self._write()

    def estimate_s(self, settings: StyleSettings, width: int, height: int) -> float | None:
        """Returns how long such a job takes; None before the first job.

        Without an earlier job of its kind, the throughput of the latest kind is used.
        """
        if not self._seconds_per_unit:
            return None
        newest = next(reversed(self._seconds_per_unit.values()))
        seconds_per_unit = self._seconds_per_unit.get(_kind(settings), newest)
        return median_low(seconds_per_unit) * evaluated_px(settings, width, height)

    def _write(self) -> None:
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # The loop does not wait for the disk; damage is noticed when the file is read.
            data = json.dumps(self._seconds_per_unit).encode()
            write_atomically(self._file, data, is_synced=False)
        except OSError as error:
            logger.warning("the throughput of the last job cannot be stored: %s", error)


def evaluated_px(settings: StyleSettings, width: int, height: int) -> float:
    """Returns the pixels of all evaluations of a job with a content of `width` × `height` pixels.

    It is the unit of work.
    """
    longest, padding_px = max(width, height), circular_padding_px(settings)
    return sum(
        scale.evaluations
        * (width * scale.longest_side_px / longest + padding_px)
        * (height * scale.longest_side_px / longest + padding_px)
        for scale in plan_scales(min(settings.size, longest), settings)
    )


def longest_step_share(settings: StyleSettings, width: int, height: int) -> float:
    """Returns the share of the longest step in the work of a job, in (0, 1]."""
    scales = plan_scales(min(settings.size, max(width, height)), settings)
    return max(scale.longest_side_px**2 for scale in scales) / sum(scale.cost for scale in scales)


def _kind(settings: StyleSettings) -> str:
    return f"{settings.model} {settings.precision} {settings.optimizer} {settings.style_loss}"


def read_throughput(file: Path) -> tuple[dict[str, list[float]], str]:
    """Returns the stored seconds per unit of work, and what is wrong with the file, or "".

    Values that cannot be meant are left out: a file is not trusted to hold what was written.
    """
    try:
        with file.open("rb") as opened:
            stored = json.loads(opened.read(_MAX_FILE_BYTES))
        kinds = list(stored.items())
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        return {}, str(error)
    usable = {
        kind: [float(seconds) for seconds in jobs if _is_usable(seconds)][-_REMEMBERED_JOBS:]
        for kind, jobs in kinds[-_REMEMBERED_KINDS:]
        if isinstance(jobs, list)
    }
    usable = {kind: jobs for kind, jobs in usable.items() if jobs}
    return usable, "" if usable == stored else "it holds values that are not throughputs"


def _is_usable(seconds: object) -> bool:
    """Returns whether a number of seconds per unit can be one; not if it is infinite or NaN."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return False
    return _FASTEST_S <= seconds <= _SLOWEST_S
