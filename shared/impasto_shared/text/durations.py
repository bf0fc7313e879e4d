"""Durations in words, for people: the same in the plug-in and on the command line."""

from __future__ import annotations

from collections.abc import Callable

SECONDS = "{seconds} s"
MINUTES = "{minutes} min"
HOURS = "{hours} h {minutes} min"
_LONGEST_IN_SECONDS_S = 100.0


def format_duration(seconds: float, translate: Callable[[str], str] = str) -> str:
    """Returns a duration as a person would say it; `translate` finds each form in a catalogue.

    >>> [format_duration(seconds) for seconds in (42, 720, 7500)]
    ['42 s', '12 min', '2 h 5 min']
    """
    if seconds < _LONGEST_IN_SECONDS_S:
        return translate(SECONDS).format(seconds=f"{seconds:.0f}")
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return translate(MINUTES).format(minutes=minutes)
    return translate(HOURS).format(hours=hours, minutes=minutes)
