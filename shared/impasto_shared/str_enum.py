"""Enumerations of text, for GIMPs with Python 3.10: the standard library has them since 3.11."""

from __future__ import annotations

from enum import Enum


class StrEnum(str, Enum):
    """An enumeration whose members are text: `str(member)` and f-strings give its value."""

    __str__ = str.__str__

    def __format__(self, format_spec: str) -> str:
        return str.__format__(self, format_spec)
