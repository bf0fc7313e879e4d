"""The work of a job in plain numbers, on which its time and its memory depend."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_daemon.style_transfer.planning.scales import Scale, plan_scales
from impasto_shared.settings import StyleSettings


@dataclass(frozen=True)
class Work:
    """The painting of a content of `width` × `height` pixels.

    paintings: their number.
    begun_px, follows: see `plan_scales`.
    """

    settings: StyleSettings
    width: int
    height: int
    paintings: int = 1
    begun_px: int = 0
    follows: bool = False

    @property
    def scales(self) -> list[Scale]:
        """The scales that it is painted at."""
        return plan_scales(self.side_px, self.settings, self.begun_px, follows=self.follows)

    @property
    def longest_px(self) -> int:
        """The longest side of the content."""
        return max(self.width, self.height)

    @property
    def side_px(self) -> int:
        """The longest side at which it is painted, if its quality does not reduce that."""
        return min(self.settings.size, self.longest_px)
