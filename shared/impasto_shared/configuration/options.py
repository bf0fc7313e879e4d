"""Every option of the daemon and of its clients, defined once.

The configuration file, the environment variables, the flags of `impasto serve` and
docs/configuration.md are all made from the fields of `DaemonOptions` and `ClientOptions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from impasto_shared.schema import (
    ChoiceSetting,
    IntegerSetting,
    NumberSetting,
    Schema,
    TextSetting,
    described,
)


class LogLevel(StrEnum):
    """What is worth a line in the log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Setting = NumberSetting | IntegerSetting | ChoiceSetting | TextSetting

_ANY_ENDPOINT = {
    "pattern": r"ipc:///.+|tcp://[^/\s]+:\d+",
    "values": "ipc:///PATH or tcp://ADDRESS:PORT",
}


@dataclass(frozen=True)
class DaemonOptions:
    """What a daemon is started with."""

    endpoint: str = described(
        TextSetting,
        "",
        **_ANY_ENDPOINT,
        label="Endpoint",
        help="Where the daemon serves the programs of this machine; empty: a socket in the "
        "user's runtime folder",
    )
    listen: str = described(
        TextSetting,
        "",
        pattern=r"tcp://[^/\s]+:\d+",
        values="tcp://ADDRESS:PORT",
        label="Listen",
        help="Where it serves other machines as well, to clients whose keys it knows; "
        "tcp://0.0.0.0:5570 is every network; empty: nowhere",
    )
    idle_minutes: float = described(
        NumberSetting,
        10.0,
        low=0.0,
        high=10_080.0,
        label="Idle minutes",
        help="After so many minutes without a job the network is unloaded, and its memory is "
        "free; the next job loads it again; 0 keeps it for ever",
    )
    memory_limit_gb: float = described(
        NumberSetting,
        0.0,
        low=0.0,
        high=4096.0,
        label="Memory limit",
        help="How many gigabytes painting may take, of the GPU's memory where there is one; 0 "
        "leaves it to the machine",
    )
    keep_minutes: float = described(
        NumberSetting,
        1440.0,
        low=0.1,
        high=10_080.0,
        label="Keep minutes",
        help="How many minutes a finished picture is kept, so that it can be fetched, again too",
    )
    keep_mb: int = described(
        IntegerSetting,
        2048,
        low=1,
        high=1_048_576,
        label="Keep megabytes",
        help="How many megabytes of finished pictures are kept on the disk; the newest is, "
        "whatever its size",
    )
    log_level: LogLevel = described(
        ChoiceSetting,
        LogLevel.INFO,
        choices={level: level.value for level in LogLevel},
        label="Log level",
        help="What is worth a line in the log",
    )


@dataclass(frozen=True)
class ClientOptions:
    """Where the plug-in and the command line look for the daemon."""

    endpoint: str = described(
        TextSetting,
        "",
        **_ANY_ENDPOINT,
        label="Endpoint",
        help="The daemon's address; empty: that of this machine's own, which is started if none "
        "runs",
    )
    server_key: str = described(
        TextSetting,
        "",
        pattern=r"[0-9a-f]{64}",
        values="64 hexadecimal digits, as impasto keys shows them on the daemon's machine",
        label="Server key",
        help="The public key of a daemon on another machine; empty: TCP is not encrypted, and only "
        "for daemons on this machine",
    )


@dataclass(frozen=True)
class Option:
    """One option: in which table of the file, and what it may be."""

    table: str
    setting: Setting

    @property
    def name(self) -> str:
        """Its name in the file; with hyphens, that of the flag."""
        return self.setting.name

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"IMPASTO_{self.name.upper()}"


def _options_of(table: str, kind: type[Any]) -> tuple[Option, ...]:
    schema: Schema[Setting] = Schema(kind)
    return tuple(Option(table, setting) for setting in schema)


DAEMON_OPTIONS = _options_of("daemon", DaemonOptions)
CLIENT_OPTIONS = _options_of("client", ClientOptions)
OPTIONS = (*DAEMON_OPTIONS, *CLIENT_OPTIONS)


def values_of(option: Option) -> str:
    """What an option may be, in words."""
    match option.setting:
        case TextSetting(values=values):
            return values
        case ChoiceSetting(choices=choices):
            return ", ".join(choices)
        case NumberSetting(low=low, high=high) | IntegerSetting(low=low, high=high):
            return f"{low:g} to {high:.15g}"


def toml_value(value: object) -> str:
    """A value of an option as TOML writes it."""
    return f'"{value}"' if isinstance(value, str) else f"{value:.15g}"
