"""From coarse to fine: at which sizes a picture is painted, and how often it is improved at each.

The network sees strokes of a few pixels up to some dozens. A coarse scale gives the large strokes
and the composition, the finer ones only add what is smaller, so few evaluations are enough there
(Gatys et al. 2017, section 6, with two scales). Unless the iterations are given, the scales below
the last one do not depend on the size asked for, so that a preview shows what the print will be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from impasto_shared.settings import Mode, Quality, StyleSettings

# At 128 eyes and windows are lost, at 362 the strokes stay small.
COARSEST_PX = 181
# A draft of so much or less is painted at its full size: there is room for the coarse scale that
# larger ones begin with, and one more, and it shows what they will be (docs/benchmarks.md).
_SMALLEST_FINEST_PX = 256
# The last scale is at least so much larger than the one before.
_SMALLEST_STEP = 1.2
# The network sees nothing in less.
_SMALLEST_PX = 32


@dataclass(frozen=True)
class Schedule:
    """How work is shared out.

    factor: between the sides of two scales; first, least: evaluations at the coarsest scale, and
    at any; fading: how fast they become fewer; finest: the side of the last scale, as a part of
    the one asked for.
    """

    factor: float
    first: int
    least: int
    fading: float = 1.5
    finest: float = 1.0

    def evaluations(self, longest_side_px: int) -> int:
        """How many at a scale of this size: the fewer, the more each costs.

        The cost grows with the square of the side. Where their number shrinks more slowly, the
        finer scales get the greater part of the time.
        """
        if longest_side_px < COARSEST_PX * _SMALLEST_STEP:  # usually the first one
            return self.first
        smaller = COARSEST_PX / longest_side_px
        return max(self.least, round(self.first * math.pow(smaller, self.fading)))


SCHEDULES: Mapping[Quality, Schedule] = {
    Quality.DRAFT: Schedule(factor=2.0, first=15, least=5, fading=3.0, finest=0.75),
    Quality.GOOD: Schedule(factor=2**0.5, first=32, least=7),
    Quality.BEST: Schedule(factor=2**0.5, first=96, least=20),
}


@dataclass(frozen=True)
class Scale:
    """A size to paint at, and how many evaluations to spend there."""

    longest_side_px: int
    evaluations: int

    @property
    def cost(self) -> float:
        """The work at this scale, beside that at others: an evaluation costs as its pixels do."""
        return self.evaluations * self.longest_side_px**2


def plan_scales(longest_side_px: int, settings: StyleSettings) -> list[Scale]:
    """The scales up to `longest_side_px`, the coarsest first; a large draft stops before.

    With `settings.scales` there are so many, as far as there are sizes to paint at: further ones
    are coarser than usual, and what would have been done at those left out is done at the coarsest
    of the others. With `settings.iterations` their evaluations add up to that number, shared out as
    the quality would have it; the finest scale gets at least one, the coarsest are left out before
    it does not. Unless scales are asked for, what a layer remembers of a photo is painted at one:
    coarser ones would help it.
    """
    schedule = SCHEDULES[settings.quality]
    longest_side_px = max(
        min(longest_side_px, _SMALLEST_FINEST_PX), round(longest_side_px * schedule.finest)
    )
    sides: list[int] = []
    side = float(COARSEST_PX)
    while side * _SMALLEST_STEP <= longest_side_px:
        sides.append(round(side))
        side *= schedule.factor
    sides.append(longest_side_px)
    scales = [Scale(side, schedule.evaluations(side)) for side in sides]
    count = settings.scales or (1 if settings.mode is Mode.CONTENT else len(scales))
    scales = _counted(scales, count, schedule)
    return _shared_out(scales, settings.iterations) if settings.iterations else scales


def _counted(scales: list[Scale], count: int, schedule: Schedule) -> list[Scale]:
    """So many scales with the same finest one, fewer where the coarser ones would be too small."""
    left_out, kept = scales[:-count], scales[-count:]
    coarsest = kept[0]
    evaluations = coarsest.evaluations + sum(scale.evaluations for scale in left_out)
    kept[0] = Scale(coarsest.longest_side_px, evaluations)
    while len(kept) < count:
        side = round(kept[0].longest_side_px / schedule.factor)
        if side < _SMALLEST_PX:
            break
        kept.insert(0, Scale(side, schedule.evaluations(side)))
    return kept


def _shared_out(scales: list[Scale], evaluations: int) -> list[Scale]:
    scales = scales[-evaluations:]
    left, shares = evaluations - len(scales), sum(scale.evaluations for scale in scales)
    shared = []
    for scale in scales:
        share = round(left * scale.evaluations / shares)
        shared.append(Scale(scale.longest_side_px, 1 + share))
        left, shares = left - share, shares - scale.evaluations
    return shared
