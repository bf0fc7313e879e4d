"""The sizes that a dialog offers for a layer, in words: how sharp each is, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping

from impasto_gimp.translation import decimal, gettext
from impasto_shared.painted_size import painted_side_px
from impasto_shared.protocol.messages import ForecastReport
from impasto_shared.settings import SETTINGS, Quality
from impasto_shared.text.durations import format_duration

PATIENCE_S = 150.0
"""The longest that the picture of a user who has not chosen a size may take."""
_SIZES = tuple(256 << power for power in range(7))
_OFFERED_BELOW_LAYER = 4
_LEAST_ENLARGEMENT = 1.2
_LONGEST_WITH_DECIMAL = 2.5
# Strokes of a layer enlarged further look soft where each of its pixels is seen.
_SHARP_ENLARGEMENT = 3.0
_SHOWN_SHARE_OF_MEMORY = 0.25
_SETTING = SETTINGS.integer("size")


def offered_sizes(layer_px: int) -> tuple[int, ...]:
    """Returns the sizes to choose from for a layer of this longest side: its own, and smaller ones.

    A layer larger than the largest size has none of its own.
    """
    smaller = [size for size in _SIZES if size * _LEAST_ENLARGEMENT <= layer_px]
    own = [] if layer_px > _SETTING.high else [max(_SETTING.low, layer_px)]
    return (*own, *reversed(smaller[-_OFFERED_BELOW_LAYER:]))


def larger_sizes(layer_px: int, painted_px: int, quality: Quality) -> tuple[int, ...]:
    """Returns those of the offered sizes at which a painting can be finished larger.

    painted_px: the longest side at which it was painted, in this quality.
    """
    return tuple(
        size
        for size in offered_sizes(layer_px)
        if painted_side_px(min(size, layer_px), quality) >= painted_px * _LEAST_ENLARGEMENT
    )


def words(
    size: int, layer_px: int, quality: Quality, forecast: ForecastReport | None = None
) -> str:
    """Returns what painting a layer of this longest side at `size` means, as an entry of a list.

    forecast: of that picture; None: unknown.
    """
    used = min(size, layer_px)
    painted = painted_side_px(used, quality)
    text = gettext("{size} px").format(size=used)
    if used == layer_px:
        text = gettext("Like the layer, {size} px").format(size=used)
    if painted < used:
        text = gettext("{size} (draft: {painted} px)").format(size=text, painted=painted)
    if used < layer_px:
        factor = _factor(layer_px / painted)
        text = gettext("{size}, enlarged {factor} ×").format(size=text, factor=factor)
    takes = [] if forecast is None else _takes(forecast)
    return gettext("{size}: {takes}").format(size=text, takes=", ".join(takes)) if takes else text


def other_words(size: int | None, layer_px: int, quality: Quality) -> str:
    """Returns the entry that stands for any other size; None: it is not the chosen one."""
    if size is None:
        return gettext("Other…")
    return gettext("Other: {size}").format(size=words(size, layer_px, quality))


def remark(size: int, layer_px: int, quality: Quality) -> str | None:
    """Returns what to know of a size: its strokes will be soft, or it is too large. None: fine."""
    painted = painted_side_px(min(size, layer_px), quality)
    if painted * _SHARP_ENLARGEMENT < layer_px:
        return gettext(
            "Painted at {painted} px and enlarged {factor} ×: brush strokes will look soft at 100 %"
        ).format(painted=painted, factor=_factor(layer_px / painted))
    if size > max(layer_px, _SETTING.low):
        return gettext("The layer has only {layer} px: it is painted at {painted} px").format(
            layer=layer_px, painted=painted
        )
    return None


def default_size(forecasts: Mapping[int, ForecastReport | None]) -> int | None:
    """Returns the largest of the sizes with these forecasts that is painted soon, and fits.

    If none is, the smallest one; None while it is not known of all how long they take.
    """
    times = {
        size: forecast.painting_s
        for size, forecast in forecasts.items()
        if forecast is not None and forecast.painting_s is not None and not _is_too_much(forecast)
    }
    is_known = all(
        forecast is not None and forecast.painting_s is not None for forecast in forecasts.values()
    )
    if not (forecasts and is_known):
        return None
    quick = [size for size, time_s in times.items() if time_s <= PATIENCE_S]
    return max(quick, default=min(forecasts))


def _takes(forecast: ForecastReport) -> list[str]:
    """Returns the time, and the memory if it is a considerable part of what there is."""
    needed_bytes, available_bytes = forecast.needed_bytes, forecast.available_bytes
    takes: list[str] = []
    if forecast.painting_s is not None:
        takes.append(format_duration(max(1.0, forecast.start_s + forecast.painting_s), gettext))
    if available_bytes is None:
        return takes
    needed = decimal(f"{needed_bytes / 1e9:.1f}")
    if _is_too_much(forecast):
        return [gettext("{needed} GB, not enough memory").format(needed=needed)]
    if needed_bytes > _SHOWN_SHARE_OF_MEMORY * available_bytes:
        takes.append(gettext("{needed} GB").format(needed=needed))
    return takes


def _is_too_much(forecast: ForecastReport) -> bool:
    available_bytes = forecast.available_bytes
    return available_bytes is not None and forecast.needed_bytes > available_bytes


def _factor(enlargement: float) -> str:
    """Returns a number with one decimal if it is small, and not a whole number."""
    if enlargement >= _LONGEST_WITH_DECIMAL:
        return f"{enlargement:.0f}"
    return decimal(f"{enlargement:.1f}".removesuffix(".0"))
