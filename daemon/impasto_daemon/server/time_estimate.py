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


class ThroughputHistory:
    """Seconds per unit of work in earlier jobs, by the settings that determine them.

    file: where they are stored; None: in memory only.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._seconds_per_unit: dict[str, list[float]] = _read(file) if file is not None else {}

    def record(self, settings: StyleSettings, width: int, height: int, seconds: float) -> None:
        """Records how long a job with a content of `width` × `height` pixels took."""
        kind = _kind(settings)
        earlier = self._seconds_per_unit.pop(kind, [])
        newest = seconds / evaluated_px(settings, width, height)
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
            write_atomically(self._file, json.dumps(self._seconds_per_unit).encode())
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


def _read(file: Path) -> dict[str, list[float]]:
    try:
        stored = json.loads(file.read_text())
        return {kind: [float(seconds) for seconds in jobs] for kind, jobs in stored.items() if jobs}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("the throughput of earlier jobs cannot be read from %s: %s", file, error)
        return {}
