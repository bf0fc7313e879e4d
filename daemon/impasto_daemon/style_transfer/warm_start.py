"""A warm start: a picture begins with parts of the last one of the same photo and paintings.

The targets are the same numbers again. The coarsest scale begins with the coarse picture of the
nearest strength instead of with the photo, so that a third of the evaluations is enough. The
picture then depends a little on the one before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.pixels import resize
from impasto_daemon.style_transfer.images.regions import Region
from impasto_daemon.style_transfer.losses.objective import style_distance
from impasto_daemon.style_transfer.losses.target_cache import TargetCache, digest
from impasto_daemon.style_transfer.planning.scales import SCHEDULES, Scale
from impasto_shared.settings import Mode, Quality, StyleSettings

KEPT_BYTES = 128 * 2**20
"""The most memory that targets take: those of two pictures of 256 pixels, and of two paintings."""

_MOST_PICTURES = 16
_EVALUATIONS_SHARE = 1 / 3
# A picture in hardly any style is nearer to the photo than to one in much.
_SMALLEST_STRENGTH = 0.1
# As many as for a picture of good quality: with more, it would promise more style than that has.
_MOST_EVALUATIONS = SCHEDULES[Quality.GOOD].first


@dataclass(frozen=True)
class CoarsePicture:
    """The picture painted at the coarsest scale.

    painted: (1, 3, h, w).
    evaluations: their number, those of the pictures that it started from included.
    """

    painted: Tensor
    evaluations: int


class WarmStart:
    """The targets and the coarse pictures of former pictures, by one network.

    limit_bytes: of the targets; with 0, nothing is kept.
    """

    def __init__(self, limit_bytes: int = KEPT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self.targets = TargetCache(limit_bytes)
        self._pictures: dict[tuple[bytes, float], CoarsePicture] = {}

    def find(
        self, photo: Tensor, regions: Sequence[Region], settings: StyleSettings
    ) -> CoarsePicture | None:
        """Returns the coarse picture of the nearest strength; None if there is no such picture.

        Of a lower strength than that, it goes a part of the way back to the photo.
        """
        if not self._pictures:
            return None
        kind, strength = _kind(photo, regions, settings), settings.style_strength
        strengths = [other for other_kind, other in self._pictures if other_kind == kind]
        if not strengths:
            return None
        nearest = min(strengths, key=lambda other: abs(_logarithm(other) - _logarithm(strength)))
        former = self._pictures[kind, nearest]
        if settings.mode is not Mode.TRANSFER or strength >= nearest:
            return former
        share = style_distance(strength) / style_distance(nearest)
        origin = resize(photo, *former.painted.shape[2:])
        return replace(former, painted=torch.lerp(origin, former.painted, share))

    def keep(
        self,
        photo: Tensor,
        regions: Sequence[Region],
        settings: StyleSettings,
        picture: CoarsePicture,
    ) -> None:
        """Keeps a coarse picture for the next one; the oldest are dropped."""
        if not self._limit_bytes or picture.evaluations > _MOST_EVALUATIONS:
            return
        key = _kind(photo, regions, settings), settings.style_strength
        self._pictures.pop(key, None)
        self._pictures[key] = picture
        while len(self._pictures) > _MOST_PICTURES:
            del self._pictures[next(iter(self._pictures))]


COLD = WarmStart(0)
"""Keeps nothing, so that every picture begins as if it were the first."""


def shortened(scales: Sequence[Scale]) -> list[Scale]:
    """Returns the scales after a warm start: the coarsest has fewer evaluations."""
    first, *others = scales
    evaluations = math.ceil(first.evaluations * _EVALUATIONS_SHARE)
    return [Scale(first.longest_side_px, evaluations), *others]


def _kind(photo: Tensor, regions: Sequence[Region], settings: StyleSettings) -> bytes:
    """Returns what pictures must have in common for one to start from the other."""
    alike = replace(settings, style_strength=1.0, smoothness=1.0)
    return digest([photo, *regions, alike])


def _logarithm(strength: float) -> float:
    return math.log(max(strength, _SMALLEST_STRENGTH))
