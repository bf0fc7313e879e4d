"""The file with the paces of earlier jobs, for `time_estimate`."""

from __future__ import annotations

import json
from pathlib import Path

from impasto_shared.files.small_file import read_small_file

REMEMBERED_KINDS = 64
REMEMBERED_SIZES = 24
"""Of each kind."""
REMEMBERED_JOBS = 5
"""Of each size."""
_FASTEST, _SLOWEST = 1e-5, 1e5
_MOST_DIGITS = 6  # of a side

Paces = dict[str, dict[str, list[float]]]
"""Paces by the kind of job, and by the side of a square of the size, in pixels."""


def read_paces(file: Path) -> tuple[Paces, str]:
    """Returns the stored paces, and what is wrong with the file, or "".

    Values that cannot be meant are left out: a file is not trusted to hold what was written.
    """
    try:
        stored = json.loads(read_small_file(file))
        kinds = list(stored.items())
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        return {}, str(error)
    usable = {kind: _usable_sizes(sizes) for kind, sizes in kinds[-REMEMBERED_KINDS:]}
    usable = {kind: sizes for kind, sizes in usable.items() if kind.split() and sizes}
    return usable, "" if usable == stored else "it holds values that are not paces"


def _usable_sizes(sizes: object) -> dict[str, list[float]]:
    """Returns those sizes, and of each those paces, that can be meant."""
    if not isinstance(sizes, dict):
        return {}
    usable = {
        side: [float(pace) for pace in paces if is_usable(pace)][-REMEMBERED_JOBS:]
        for side, paces in list(sizes.items())[-REMEMBERED_SIZES:]
        if isinstance(paces, list) and _is_side(side)
    }
    return {side: paces for side, paces in usable.items() if paces}


def is_usable(pace: object) -> bool:
    """Returns whether a pace can be one; not if it is infinite or NaN."""
    if not isinstance(pace, int | float) or isinstance(pace, bool):
        return False
    return _FASTEST <= pace <= _SLOWEST


def _is_side(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) > 0
