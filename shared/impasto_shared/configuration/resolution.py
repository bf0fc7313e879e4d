"""The configuration: what holds of the options, and from where.

A flag of the command line goes before an environment variable, that before the file
`~/.config/impasto/config.toml`, and that before the default.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto_shared.configuration.options import (
    OPTIONS,
    ClientOptions,
    DaemonOptions,
    Option,
)
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.paths import config_dir, usual_endpoint
from impasto_shared.schema import IntegerSetting, NumberSetting


class InvalidConfig(ImpastoError):
    """The file, a variable or a flag has a value that cannot be used."""


@dataclass(frozen=True)
class Held:
    """The value that holds for an option; `source` says where it was given, None nowhere."""

    option: Option
    value: Any
    source: str | None


def config_path() -> Path:
    """The file."""
    return config_dir() / "config.toml"


def held_options(flags: Mapping[str, Any] | None = None) -> list[Held]:
    """What holds for every option, and from where.

    flags: values of daemon options by name, None where a flag was not given.

    Raises:
        InvalidConfig: for a value that cannot be used; it names the file and the line, the
            variable or the flag, and what is allowed.
    """
    path = config_path()
    file = _read(path)
    return [_held(option, flags or {}, file.get(option.table, {}), path) for option in OPTIONS]


def daemon_options(flags: Mapping[str, Any] | None = None) -> DaemonOptions:
    """What a daemon started here and now is to be started with; raises InvalidConfig."""
    return DaemonOptions(**_values("daemon", held_options(flags)))


def client_options() -> ClientOptions:
    """Where clients look for the daemon; raises InvalidConfig."""
    return ClientOptions(**_values("client", held_options()))


def default_endpoint() -> str:
    """Where a client finds the daemon: where it is told to, or where one on this machine serves.

    Raises:
        InvalidConfig: where the configuration cannot be used.
    """
    return client_options().endpoint or daemon_options().endpoint or usual_endpoint()


def _values(table: str, held: Sequence[Held]) -> dict[str, Any]:
    return {entry.option.name: entry.value for entry in held if entry.option.table == table}


def _held(option: Option, flags: Mapping[str, Any], table: Mapping[str, Any], path: Path) -> Held:
    name = option.name
    if option.table == "daemon" and flags.get(name) is not None:
        flag = "--" + name.replace("_", "-")
        return Held(option, _checked(option, flags[name], flag), flag)
    if text := os.environ.get(option.variable):
        return Held(
            option, _checked(option, _parsed(option, text), option.variable), option.variable
        )
    if name in table:
        return Held(option, _checked(option, table[name], _place(path, option)), str(path))
    return Held(option, option.setting.default, None)


def _parsed(option: Option, text: str) -> object:
    """A number where the option is one and the text is; else the text, which is refused later."""
    kinds: dict[type, type] = {NumberSetting: float, IntegerSetting: int}
    kind = kinds.get(type(option.setting), str)
    try:
        return kind(text)
    except ValueError:
        return text


def _checked(option: Option, value: object, place: str) -> object:
    try:
        return option.setting.check(value)
    except InvalidSettings as error:
        raise InvalidConfig(f"{place}: {error}") from error


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of the file, empty where there is none; raises InvalidConfig."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfig(f"{path} is not TOML: {error}. Mend that line.") from error
    known: dict[str, list[str]] = {"daemon": [], "client": []}
    for option in OPTIONS:
        known[option.table].append(option.name)
    for table, values in tables.items():
        if table not in known or not isinstance(values, dict):
            raise InvalidConfig(
                f"{path}{_line_of(path, table)}: there is no table [{table}]; known are "
                f"{', '.join(f'[{name}]' for name in known)}."
            )
        for name in values:
            if name not in known[table]:
                raise InvalidConfig(
                    f"{path}{_line_of(path, name)}: there is no option {name} in [{table}]; known "
                    f"are {', '.join(known[table])}."
                )
    return tables


def _place(path: Path, option: Option) -> str:
    return f"{path}{_line_of(path, option.name, option.table)}: {option.name} in [{option.table}]"


def _line_of(path: Path, name: str, table: str = "") -> str:
    """The line in which a name is set, or a table begins, as ", line 7"; empty where unclear."""
    current = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        heading = re.match(r"\s*\[\s*([^\]]*?)\s*\]", line)
        current = heading[1] if heading else current
        if table in ("", current) and re.match(rf"\s*(\[\s*)?\"?{re.escape(name)}\b", line):
            return f", line {number}"
    return ""
