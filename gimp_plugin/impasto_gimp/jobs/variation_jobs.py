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
_FACTORS = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Variation:
    """The label of a picture, and the settings that it shows."""

    label: str
    settings: StyleSettings


def by_strength_and_scale(settings: StyleSettings) -> list[Variation]:
    """Returns a grid of 3 × 3: style strength grows by row, stroke size by column."""
    strength, scale = SETTINGS.number("style_strength"), SETTINGS.number("style_scale")
    return [
        Variation(
            f"{gettext(strength.label)} {decimal(format(varied.style_strength, 'g'))}\n"
            f"{gettext(scale.label)} {decimal(format(varied.style_scale, 'g'))}",
            varied,
        )
        for strength_factor in _FACTORS
        for scale_factor in _FACTORS
        for varied in [
            replace(
                settings,
                style_strength=_times(strength, settings.style_strength, strength_factor),
                style_scale=_times(scale, settings.style_scale, scale_factor),
            )
        ]
    ]


def by_loss(settings: StyleSettings) -> list[Variation]:
    """Returns one variation for each style loss."""
    labels = SETTINGS.choice("style_loss").choices
    return [
        Variation(gettext(labels[loss]), replace(settings, style_loss=loss)) for loss in StyleLoss
    ]


def _times(setting: NumberSetting, value: float, factor: float) -> float:
    """Returns `value`, or the default if that is 0, times `factor`, within the range."""
    return min(max((value or setting.default) * factor, setting.low), setting.high)


class VariationJobs:
    """Jobs for drafts of all `variations` of a small picture, submitted at once.

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
        self._indices = {
            client.submit(
                content,
                styles,
                replace(variation.settings, quality=Quality.DRAFT, iterations=0, size=PICTURE_PX),
                _PREVIEWS,
            ): index
            for index, variation in enumerate(variations)
        }
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
