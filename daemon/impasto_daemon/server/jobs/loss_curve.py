"""The loss of a job over its steps: evenly spaced points, no more than fit into a message."""

from __future__ import annotations

from impasto_shared.protocol.reports import CurvePoint

MAX_POINTS = 512
"""They take half of the size limit of a header."""


class LossCurve:
    """Receives every step, and keeps every first, second, fourth … as the number grows.

    The first and the last step are always included.
    """

    def __init__(self) -> None:
        self._points: list[CurvePoint] = []
        self._last: CurvePoint | None = None
        self._stride = 1
        self._count = 0

    def add(self, point: CurvePoint) -> None:
        """Adds the next step."""
        self._last = point
        if self._count % self._stride == 0:
            self._points.append(point)
        self._count += 1
        if len(self._points) == MAX_POINTS:
            del self._points[1::2]
            self._stride *= 2

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """The points of the curve, earliest first."""
        if self._last is None or self._points[-1] is self._last:
            return tuple(self._points)
        return (*self._points, self._last)
