"""How fast this machine paints, to say how long a job will take: learnt from every job.

The work of a job is known before it starts (`pyramid`); what a unit of it has taken in the last few
jobs is remembered, over restarts too. Their median counts, of two the lower: one job beside other
work, or the first one, which waits for the disk, says little of the next.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from statistics import median_low

from impasto_daemon.style_transfer.planning.padding import circular_padding_px
from impasto_daemon.style_transfer.planning.scales import plan_scales
from impasto_shared.settings import StyleSettings

logger = logging.getLogger(__name__)

_REMEMBERED_KINDS = 64
_REMEMBERED_JOBS = 5  # of each kind


class ThroughputHistory:
    """Seconds for a unit of work in former jobs, by what decides how long that takes.

    file: where they are remembered; None: nowhere.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._seconds_per_unit: dict[str, list[float]] = _read(file) if file is not None else {}

    def record(self, settings: StyleSettings, width: int, height: int, seconds: float) -> None:
        """Notes how long a job with a content of `width` × `height` pixels has taken."""
        kind = _kind(settings)
        former = self._seconds_per_unit.pop(kind, [])
        newest = seconds / evaluated_px(settings, width, height)
        self._seconds_per_unit[kind] = [*former, newest][-_REMEMBERED_JOBS:]
        if len(self._seconds_per_unit) > _REMEMBERED_KINDS:
            del self._seconds_per_unit[next(iter(self._seconds_per_unit))]
        self._write()

    def estimate_s(self, settings: StyleSettings, width: int, height: int) -> float | None:
        """How long such a job will take; None where no job has been done yet.

        Where none of its kind has been, the pace of the kind of the last one is taken.
        """
        if not self._seconds_per_unit:
            return None
        newest = next(reversed(self._seconds_per_unit.values()))
        seconds_per_unit = self._seconds_per_unit.get(_kind(settings), newest)
        return median_low(seconds_per_unit) * evaluated_px(settings, width, height)

    def _write(self) -> None:
        if self._file is None:
            return
        new = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(self._seconds_per_unit))
            new.replace(self._file)
        except OSError as error:
            logger.warning("the pace of the last job will be forgotten: %s", error)


def evaluated_px(settings: StyleSettings, width: int, height: int) -> float:
    """The pixels of all evaluations of a job with a content of `width` × `height` pixels."""
    longest, padding_px = max(width, height), circular_padding_px(settings)
    return sum(
        scale.evaluations
        * (width * scale.longest_side_px / longest + padding_px)
        * (height * scale.longest_side_px / longest + padding_px)
        for scale in plan_scales(min(settings.size, longest), settings)
    )


def _kind(settings: StyleSettings) -> str:
    return f"{settings.model} {settings.precision} {settings.optimizer} {settings.style_loss}"


def _read(file: Path) -> dict[str, list[float]]:
    try:
        remembered = json.loads(file.read_text())
        return {
            kind: [float(seconds) for seconds in jobs] for kind, jobs in remembered.items() if jobs
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("the pace of former jobs cannot be read from %s: %s", file, error)
        return {}
