"""Jobs for small pictures of one layer in the same styles, each with other settings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from impasto_gimp.jobs.session import JobClient, check_alive
from impasto_gimp.translation import decimal, gettext
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import JobState
from impasto_shared.schema import NumberSetting
from impasto_shared.settings import SETTINGS, Quality, StyleLoss, StyleSettings
from impasto_shared.style import Style

PICTURE_PX = 256
_PREVIEWS = PreviewOptions(longest_side_px=PICTURE_PX, interval_s=0.5)
# Less is hardly seen in a small picture.
_FACTOR = 2.0
_NOTICED_FACTOR = 1.3


@dataclass(frozen=True)
class Variation:
    """The label of a picture, and the settings that it shows.

    is_current: whether these are the settings that it is a variation of.
    """

    label: str
    settings: StyleSettings
    is_current: bool = False


def by_strength_and_scale(settings: StyleSettings) -> list[Variation]:
    """Returns a grid of 3 × 3: style strength grows by row, stroke size by column."""
    strength, scale = SETTINGS.number("style_strength"), SETTINGS.number("style_scale")
    label = gettext("Strength {strength}, strokes {scale}")
    return [
        Variation(
            label.format(
                strength=decimal(format(varied.style_strength, ".3g")),
                scale=decimal(format(varied.style_scale, ".3g")),
            ),
            varied,
            is_current=varied == settings,
        )
        for style_strength in _values_around(strength, settings.style_strength)
        for style_scale in _values_around(scale, settings.style_scale)
        for varied in [replace(settings, style_strength=style_strength, style_scale=style_scale)]
    ]


def by_loss(settings: StyleSettings) -> list[Variation]:
    """Returns one variation for each style loss."""
    labels = SETTINGS.choice("style_loss").choices
    return [
        Variation(gettext(labels[loss]), varied, is_current=varied == settings)
        for loss in StyleLoss
        for varied in [replace(settings, style_loss=loss)]
    ]


def _values_around(setting: NumberSetting, value: float) -> tuple[float, float, float]:
    """Returns three values that differ visibly, `value` in the middle if the range allows it."""
    if value == 0.0:
        return 0.0, setting.default / _FACTOR, setting.default
    below, above = max(value / _FACTOR, setting.low), min(value * _FACTOR, setting.high)
    if above < value * _NOTICED_FACTOR:
        return value / _FACTOR**2, value / _FACTOR, value
    if value < below * _NOTICED_FACTOR:
        return value, value * _FACTOR, value * _FACTOR**2
    return below, value, above


class VariationJobs:
    """Jobs for drafts of all `variations` of a small picture, submitted at once, the current first.

    left_s: the time until all are painted; None if unknown.
    Raises what `JobClient.submit` raises.
    """

    def __init__(
        self,
        client: JobClient,
        content: Image,
        styles: Sequence[Style],
        variations: Sequence[Variation],
    ) -> None:
        self._client = client
        self.left_s: float | None = None
        order = sorted(enumerate(variations), key=lambda item: not item[1].is_current)
        self._indices = {
            client.submit(
                content,
                styles,
                replace(variation.settings, quality=Quality.DRAFT, iterations=0, size=PICTURE_PX),
                _PREVIEWS,
            ): index
            for index, variation in order
        }
        self._last_to_end = list(self._indices)[-1]
        self._unfinished = set(self._indices)

    @property
    def unfinished(self) -> int:
        """The number of unfinished pictures."""
        return len(self._unfinished)

    def poll(self) -> list[tuple[int, Image]]:
        """Returns the pictures that have changed, each with the index of its variation.

        Raises:
            DaemonUnavailable: if the daemon has exited.
            DaemonError: if one of the jobs has failed.
        """
        changed = {}
        for report in self._client.poll(0.0):
            if report.job in self._unfinished:
                check_alive(report)
                if report.job == self._last_to_end:
                    self.left_s = report.eta_s  # with all that is ahead of it
                if report.state is JobState.DONE:
                    changed[self._indices[report.job]] = self._finished(report.job)
        for job in self._unfinished:
            if preview := self._client.take_preview(job):
                changed[self._indices[job]] = preview
        return list(changed.items())

    def _finished(self, job: str) -> Image:
        self._unfinished.remove(job)
        picture = self._client.fetch(job)
        with suppress(ImpastoError):  # the picture has arrived
            self._client.forget(job)
        return picture
