"""Prints the messages of the protocol as JSON: their fields, and all that these refer to.

It runs with the packages of two releases, so it uses only what both have.
"""

from __future__ import annotations

import json
import sys
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from impasto_shared.protocol.messages import ClientMessage, DaemonMessage
from impasto_shared.settings import SETTINGS, StyleSettings

Description = dict[str, Any]


def describe() -> Description:
    """Returns the fields of each message and of each part of one, the choices, the settings.

    A field is described by its type, by whether it may be missing, and what it then is.
    """
    found: Description = {"records": {}, "choices": {}}
    for side, union in (("client", ClientMessage), ("daemon", DaemonMessage)):
        found[side] = {message.type: message.__name__ for message in get_args(union)}
        for message in get_args(union):
            _describe_record(message, found)
    found["settings"] = {setting.name: _describe_setting(setting) for setting in SETTINGS}
    return found


def _describe_record(kind: type[Any], found: Description) -> None:
    if kind.__name__ in found["records"] or kind is StyleSettings:
        return
    hints = get_type_hints(kind)
    found["records"][kind.__name__] = {
        entry.name: {
            "type": _describe_type(hints[entry.name], found),
            "optional": entry.default is not MISSING,
            "default": _describe_default(entry.default),
        }
        for entry in fields(kind)
    }


def _describe_default(default: object) -> str:
    """Returns a plain value; a record has defaults of its own."""
    return "" if default is MISSING or is_dataclass(default) else repr(default)


def _describe_setting(setting: Any) -> dict[str, Any]:
    return {
        "kind": type(setting).__name__,
        "low": getattr(setting, "low", None),
        "high": getattr(setting, "high", None),
        "choices": [str(choice) for choice in getattr(setting, "choices", ())],
    }


def _describe_type(annotation: Any, found: Description) -> str:
    if isinstance(annotation, UnionType):
        return " | ".join(_describe_type(arm, found) for arm in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"list of {_describe_type(get_args(annotation)[0], found)}"
    if is_dataclass(annotation) and isinstance(annotation, type):
        _describe_record(annotation, found)
    elif issubclass(annotation, Enum):
        found["choices"][annotation.__name__] = [member.value for member in annotation]
    return str(annotation.__name__)


if __name__ == "__main__":
    json.dump(describe(), sys.stdout)
