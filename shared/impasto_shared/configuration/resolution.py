"""The effective value of each option, and its source.

A flag of the command line takes precedence over an environment variable, a variable over the file
`~/.config/impasto/config.toml`, and the file over the default.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto_shared.configuration.options import (
    CLIENT_OPTIONS,
    OPTIONS,
    ClientOptions,
    DaemonOptions,
    Option,
)
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.files.paths import config_dir, usual_endpoint
from impasto_shared.files.small_file import read_small_file
from impasto_shared.schema import IntegerSetting, NumberSetting
from impasto_shared.text.sentences import reason_of, sentence

if sys.version_info >= (3, 11):
    from tomllib import TOMLDecodeError, loads
else:
    from impasto_shared.configuration.plain_toml import PlainTomlError as TOMLDecodeError
    from impasto_shared.configuration.plain_toml import parse_plain_toml as loads


class InvalidConfig(ImpastoError):
    """The configuration file, a variable or a flag has a value that cannot be used."""


@dataclass(frozen=True)
class ResolvedOption:
    """The effective value of an option; `source` names its flag, variable or file, if any."""

    option: Option
    value: Any
    source: str | None


def config_path() -> Path:
    """Returns the path of the configuration file, whether or not it exists."""
    return config_dir() / "config.toml"


def resolved_options(flags: Mapping[str, Any] | None = None) -> list[ResolvedOption]:
    """Returns the effective value of every option.

    flags: values of daemon options by name, None for a flag that is not set.

    Raises:
        InvalidConfig: for a value that cannot be used; the text names the file and the line, the
            variable or the flag, and the values allowed.
    """
    path = config_path()
    file = _read(path)
    return [_resolved(option, flags or {}, file.get(option.table, {}), path) for option in OPTIONS]


def daemon_options(flags: Mapping[str, Any] | None = None) -> DaemonOptions:
    """Returns the options for a daemon started by this process; raises InvalidConfig."""
    return DaemonOptions(**_values("daemon", resolved_options(flags)))


def client_options() -> ClientOptions:
    """Returns the options by which clients find the daemon; raises InvalidConfig."""
    return ClientOptions(**_values("client", resolved_options()))


def default_endpoint() -> str:
    """Returns the configured address of the daemon, or that of a daemon on this machine.

    Raises:
        InvalidConfig: if the configuration cannot be used.
    """
    return client_options().endpoint or daemon_options().endpoint or usual_endpoint()


def checked_client_endpoint(text: str, source: str) -> str:
    """Returns an address of a daemon; raises InvalidConfig, with the source, if it is none."""
    option = next(option for option in CLIENT_OPTIONS if option.name == "endpoint")
    return str(_checked(option, text, source))


def _values(table: str, options: Sequence[ResolvedOption]) -> dict[str, Any]:
    return {
        resolved.option.name: resolved.value
        for resolved in options
        if resolved.option.table == table
    }


def _resolved(
    option: Option, flags: Mapping[str, Any], table: Mapping[str, Any], path: Path
) -> ResolvedOption:
    name = option.name
    if option.table == "daemon" and flags.get(name) is not None:
        flag = "--" + name.replace("_", "-")
        return ResolvedOption(option, _checked(option, flags[name], flag), flag)
    variable = option.variable
    if text := os.environ.get(variable):
        return ResolvedOption(option, _checked(option, _parsed(option, text), variable), variable)
    if name in table:
        value = _checked(option, table[name], _location(path, option))
        return ResolvedOption(option, value, str(path))
    return ResolvedOption(option, option.setting.default, None)


def _parsed(option: Option, text: str) -> object:
    """Returns a number if option and text are numeric; else the text, which is refused later."""
    kinds: dict[type, type] = {NumberSetting: float, IntegerSetting: int}
    kind = kinds.get(type(option.setting), str)
    try:
        return kind(text)
    except ValueError:
        return text


def _checked(option: Option, value: object, source: str) -> object:
    try:
        checked = option.setting.check(value)
    except InvalidSettings as error:
        raise InvalidConfig(f"{source}: {error}") from error
    if option.name == "devices" and isinstance(checked, tuple):
        _refuse_mixed_devices(checked, source)
    return checked


def _refuse_mixed_devices(devices: Iterable[str], source: str) -> None:
    """Refuses processors together with GPUs: forecasts of time and memory are those of one kind."""
    if len({device.partition(":")[0] for device in devices}) > 1:
        names = ", ".join(devices)
        raise InvalidConfig(sentence("config-mixed-devices", place=source, devices=names))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Returns the tables of the file, none if it does not exist; raises InvalidConfig."""
    try:
        tables = loads(read_small_file(path).decode())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        text = sentence("config-unreadable", path=path, errno=reason_of(error))
        raise InvalidConfig(text) from error
    except UnicodeDecodeError as error:
        raise InvalidConfig(sentence("config-no-text", path=path)) from error
    except ValueError as error:
        # Python reads no number of thousands of digits.
        reason = error if isinstance(error, TOMLDecodeError) else "a number has too many digits"
        raise InvalidConfig(sentence("config-no-toml", path=path, reason=reason)) from error
    except RecursionError as error:
        raise InvalidConfig(sentence("config-nested", path=path)) from error
    _refuse_unknown_names(tables, path)
    return tables


def _refuse_unknown_names(tables: Mapping[str, object], path: Path) -> None:
    known: dict[str, list[str]] = {"daemon": [], "client": []}
    for option in OPTIONS:
        known[option.table].append(option.name)
    for table, values in tables.items():
        if table not in known or not isinstance(values, dict):
            raise InvalidConfig(
                sentence(
                    "config-no-table",
                    place=f"{path}{_line_of(path, table)}",
                    name=f"[{table}]",
                    choices=", ".join(f"[{name}]" for name in known),
                )
            )
        for name in values:
            if name not in known[table]:
                raise InvalidConfig(
                    sentence(
                        "config-no-option",
                        place=f"{path}{_line_of(path, name)}",
                        name=name,
                        table=table,
                        choices=", ".join(known[table]),
                    )
                )


def _location(path: Path, option: Option) -> str:
    return f"{path}{_line_of(path, option.name, option.table)}: {option.name} in [{option.table}]"


def _line_of(path: Path, name: str, table: str = "") -> str:
    """Returns ", line 7" for the line that sets a name or opens a table; "" if unclear."""
    current = ""
    for number, line in enumerate(read_small_file(path).decode().splitlines(), start=1):
        heading = re.match(r"\s*\[\s*([^\]]*?)\s*\]", line)
        current = heading[1] if heading else current
        if table in ("", current) and re.match(rf"\s*(\[\s*)?\"?{re.escape(name)}\b", line):
            return f", line {number}"
    return ""
