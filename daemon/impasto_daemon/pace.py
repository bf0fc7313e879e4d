"""How long jobs have taken, to say how long others like them will."""

from __future__ import annotations

from collections.abc import Hashable

from impasto_shared.settings import StyleSettings

_REMEMBERED_KINDS = 64


class Pace:
    """Seconds for each pixel painted, by what else decides how long a job takes."""

    def __init__(self) -> None:
        self._seconds_per_px: dict[Hashable, float] = {}

    def note(self, settings: StyleSettings, width: int, height: int, seconds: float) -> None:
        """Notes how long a job with a content of `width` × `height` pixels has taken."""
        kind = _kind(settings)
        self._seconds_per_px.pop(kind, None)
        self._seconds_per_px[kind] = seconds / _painted_px(settings, width, height)
        if len(self._seconds_per_px) > _REMEMBERED_KINDS:
            del self._seconds_per_px[next(iter(self._seconds_per_px))]

    def estimate_s(self, settings: StyleSettings, width: int, height: int) -> float | None:
        """How long such a job will take; None where none of its kind has been done yet."""
        seconds_per_px = self._seconds_per_px.get(_kind(settings))
        if seconds_per_px is None:
            return None
        return seconds_per_px * _painted_px(settings, width, height)


def _kind(settings: StyleSettings) -> Hashable:
    return settings.quality, settings.iterations, settings.model, settings.optimizer


def _painted_px(settings: StyleSettings, width: int, height: int) -> float:
    return settings.size**2 * min(width, height) / max(width, height)
