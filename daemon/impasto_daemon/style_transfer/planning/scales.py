"""Coarse to fine: the sizes at which a picture is painted, and the evaluations at each.

The network sees strokes of a few pixels up to some dozens. A coarse scale makes the large strokes
and the composition; the finer ones only add smaller detail, so that a few evaluations are enough
there (Gatys et al. 2017, section 6, with two scales). Unless the iterations are set, the scales
below the last one do not depend on the requested size, so that a preview shows the final result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from impasto_shared.painted_size import painted_side_px
from impasto_shared.settings import Mode, Quality, StyleSettings

# At 128 eyes and windows are lost, at 362 the strokes stay small.
COARSEST_PX = 181
# The least ratio of the last scale to the one before.
_SMALLEST_STEP = 1.2
# Of the evaluations: those of a frame that keeps the paint of the one before it.
_FOLLOWING_SHARE = 0.6
# The network needs at least this side.
_SMALLEST_PX = 32


@dataclass(frozen=True)
class Schedule:
    """A distribution of evaluations over scales.

    factor: The ratio of the sides of two scales.
    first: The evaluations at the coarsest scale.
    least: The fewest evaluations at a scale.
    fading: The exponent with which the evaluations decrease as the side grows.
    """

    factor: float
    first: int
    least: int
    fading: float = 1.5

    def evaluations(self, longest_side_px: int) -> int:
        """Returns the evaluations at a scale of this size: fewer at larger, costlier sizes.

        The cost of an evaluation grows with the square of the side. With an exponent below 2 the
        finer scales get most of the time.
        """
        if longest_side_px < COARSEST_PX * _SMALLEST_STEP:  # usually the first one
            return self.first
        ratio = COARSEST_PX / longest_side_px
        return max(self.least, round(self.first * math.pow(ratio, self.fading)))


SCHEDULES: Mapping[Quality, Schedule] = {
    Quality.DRAFT: Schedule(factor=2.0, first=15, least=5, fading=3.0),
    Quality.GOOD: Schedule(factor=2**0.5, first=32, least=7),
    Quality.BEST: Schedule(factor=2**0.5, first=96, least=20),
}


@dataclass(frozen=True)
class Scale:
    """A size to paint at, and the number of evaluations there."""

    longest_side_px: int
    evaluations: int

    @property
    def cost(self) -> float:
        """The cost relative to other scales: an evaluation costs in proportion to its pixels."""
        return self.evaluations * self.longest_side_px**2


def plan_scales(
    longest_side_px: int, settings: StyleSettings, begun_px: int = 0, *, follows: bool = False
) -> list[Scale]:
    """Returns the scales up to `longest_side_px`, the coarsest first; a large draft ends earlier.

    Those up to `begun_px`, at which the picture to begin from was painted, are omitted, but for the
    last one; none is added.
    `settings.scales` sets their number, as far as there are sizes to paint at: additional scales
    are coarser than usual, and the evaluations of omitted ones go to the coarsest of the others.
    `settings.iterations` sets the sum of their evaluations, which is distributed as the quality
    prescribes; every scale gets at least one, and the coarsest are omitted if there are too few.
    Unless scales are requested, the content alone is painted at one: coarser ones would add
    information that the layer itself lacks.

    follows: whether it is a frame of a video that keeps the paint of the one before it. What it
        keeps is finished, and needs fewer evaluations; with more of them it changes more.
    """
    schedule = SCHEDULES[settings.quality]
    finest_px = painted_side_px(longest_side_px, settings.quality)
    sides = _sides(finest_px, schedule)
    sides = [side for side in sides[:-1] if side > begun_px] + sides[-1:]
    scales = [Scale(side, schedule.evaluations(side)) for side in sides]
    count = settings.scales or (1 if settings.mode is Mode.CONTENT else len(scales))
    count = min(count, len(scales)) if begun_px else count
    scales = _with_count(scales, count, schedule)
    if settings.iterations:
        return _with_evaluations(scales, settings.iterations)
    return _following(scales) if follows else scales


def _following(scales: Sequence[Scale]) -> list[Scale]:
    return [
        Scale(scale.longest_side_px, max(1, round(scale.evaluations * _FOLLOWING_SHARE)))
        for scale in scales
    ]


def _sides(finest_px: int, schedule: Schedule) -> list[int]:
    sides = []
    side = float(COARSEST_PX)
    while side * _SMALLEST_STEP <= finest_px:
        sides.append(round(side))
        side *= schedule.factor
    return [*sides, finest_px]


def _with_count(scales: list[Scale], count: int, schedule: Schedule) -> list[Scale]:
    """Returns `count` scales with the same finest one, or as many as are not too small."""
    omitted, remaining = scales[:-count], scales[-count:]
    coarsest = remaining[0]
    evaluations = coarsest.evaluations + sum(scale.evaluations for scale in omitted)
    remaining[0] = Scale(coarsest.longest_side_px, evaluations)
    while len(remaining) < count:
        side = round(remaining[0].longest_side_px / schedule.factor)
        if side < _SMALLEST_PX:
            break
        remaining.insert(0, Scale(side, schedule.evaluations(side)))
    return remaining


def _with_evaluations(scales: list[Scale], evaluations: int) -> list[Scale]:
    """Returns the scales with evaluations in the same proportions that add up to `evaluations`."""
    scales = scales[-evaluations:]
    undistributed = evaluations - len(scales)
    shares = sum(scale.evaluations for scale in scales)
    result = []
    for scale in scales:
        share = round(undistributed * scale.evaluations / shares)
        result.append(Scale(scale.longest_side_px, 1 + share))
        undistributed, shares = undistributed - share, shares - scale.evaluations
    return result
