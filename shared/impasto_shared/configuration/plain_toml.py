"""A reader for the TOML that options need, for Python 3.10: the standard library has none there."""

from __future__ import annotations

import json
import re
from typing import Any

_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"\\]*"|'[^']*')"""
_END = r"[ \t]*(?:#.*)?"
_TABLE = re.compile(rf"[ \t]*\[[ \t]*({_NAME})[ \t]*\]{_END}")
_ASSIGNMENT = re.compile(rf"[ \t]*({_NAME})[ \t]*=[ \t]*(.*)")
_DIGITS = "[0-9](?:_?[0-9])*"
_TEXT = re.compile(rf'("(?:[^"\\]|\\.)*"){_END}')
_LITERAL_TEXT = re.compile(rf"'([^']*)'{_END}")
_INTEGER = re.compile(rf"([+-]?(?:0|[1-9](?:_?[0-9])*)){_END}")
_NUMBER = re.compile(
    rf"([+-]?(?:0|[1-9](?:_?[0-9])*)(?:\.{_DIGITS})?(?:[eE][+-]?{_DIGITS})?){_END}"
)
_TEXTS = re.compile(
    r"""\[[ \t]*((?:"[^"\\]*"|'[^']*')(?:[ \t]*,[ \t]*(?:"[^"\\]*"|'[^']*'))*[ \t]*,?[ \t]*)?\]"""
    rf"{_END}"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class PlainTomlError(ValueError):
    """A text is not TOML, or has more of it than options need."""


def parse_plain_toml(text: str) -> dict[str, Any]:
    """Returns the tables of a TOML document that contain nothing but text and numbers.

    A list of text is allowed, too, within a line.

    Raises:
        PlainTomlError: for anything else, with the number of the line.
    """
    document: dict[str, Any] = {}
    table = document
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if _CONTROL.search(line):
            raise PlainTomlError(f"a control character (at line {number})")
        if heading := _TABLE.fullmatch(line):
            table = _add(document, heading[1], {}, number)
        elif assignment := _ASSIGNMENT.fullmatch(line):
            _add(table, assignment[1], _value(assignment[2], number), number)
        elif not re.fullmatch(_END, line):
            raise PlainTomlError(f"neither [table] nor name = value (at line {number})")
    return document


def _add(table: dict[str, Any], name: str, value: Any, number: int) -> Any:
    bare = name.strip("\"'")
    if bare in table:
        raise PlainTomlError(f"{bare} is there twice (at line {number})")
    table[bare] = value
    return value


def _value(text: str, number: int) -> str | int | float | list[str]:
    if match := _TEXTS.fullmatch(text):
        return [quoted[1:-1] for quoted in re.findall(r"""\"[^"]*"|'[^']*'""", match[1] or "")]
    if match := _LITERAL_TEXT.fullmatch(text):
        return match[1]
    if match := _INTEGER.fullmatch(text):
        return int(match[1])
    if match := _NUMBER.fullmatch(text):
        return float(match[1])
    if match := _TEXT.fullmatch(text):
        try:
            return str(json.loads(match[1], strict=False))
        except ValueError:
            pass
    raise PlainTomlError(f"neither text in quotes nor a number (at line {number})")
