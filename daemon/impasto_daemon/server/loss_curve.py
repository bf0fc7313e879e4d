"""How a job's loss came down: as many points as a message has room for, evenly spread."""

from __future__ import annotations

from impasto_shared.reports import CurvePoint

MAX_POINTS = 512
"""In a header they take half of what it may have."""


class LossCurve:
    """Takes in every step, and keeps each first, second, fourth … of them: the fewer, the more.

    The first and the last one are always there.
    """

    def __init__(self) -> None:
        self._kept: list[CurvePoint] = []
        self._last: CurvePoint | None = None
        self._every = 1
        self._count = 0

    def add(self, point: CurvePoint) -> None:
        """Takes in the next step."""
        self._last = point
        if self._count % self._every == 0:
            self._kept.append(point)
        self._count += 1
        if len(self._kept) == MAX_POINTS:
            del self._kept[1::2]
            self._every *= 2

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """What is kept, the earliest first."""
        if self._last is None or self._kept[-1] is self._last:
            return tuple(self._kept)
        return (*self._kept, self._last)
