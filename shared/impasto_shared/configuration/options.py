"""The options of the daemon and of its clients, each defined once.

The configuration file, the environment variables, the flags of `impasto serve` and
docs/configuration.md are all derived from the fields of `DaemonOptions` and `ClientOptions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from impasto_shared.schema import (
    ChoiceSetting,
    IntegerSetting,
    NumberSetting,
    Schema,
    TextSetting,
    TextsSetting,
    described,
)
from impasto_shared.str_enum import StrEnum


class LogLevel(StrEnum):
    """The least severe messages that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Setting = NumberSetting | IntegerSetting | ChoiceSetting | TextSetting | TextsSetting

_HOST = r"(?:[\w.-]+|\*|\[[\w.:%]+\])"
_PORT = r"(?:[1-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_TCP = rf"tcp://{_HOST}:(?!0){_PORT}"
_ANY_ENDPOINT = {
    "pattern": rf"(?:ipc|loopback):///[^\0\n]+|{_TCP}",
    "values": "ipc:///PATH, loopback:///PATH or tcp://ADDRESS:PORT, PORT from 1 to 65535",
}


@dataclass(frozen=True)
class DaemonOptions:
    """The options that a daemon is started with."""

    endpoint: str = described(
        TextSetting,
        "",
        **_ANY_ENDPOINT,
        label="Endpoint",
        help="Address at which the daemon serves the programs on this machine; empty: a socket in "
        "the user's runtime folder",
    )
    listen: str = described(
        TextSetting,
        "",
        pattern=_TCP,
        values="tcp://ADDRESS:PORT, PORT from 1 to 65535",
        label="Listen",
        help="Address at which the daemon also serves other machines, for authorised clients only; "
        "tcp://0.0.0.0:5570 listens on all networks; empty: none",
    )
    idle_minutes: float = described(
        NumberSetting,
        10.0,
        low=0.0,
        high=10_080.0,
        label="Idle minutes",
        help="Minutes without a job after which the network is unloaded to free its memory; the "
        "next job loads it again; 0 keeps it loaded",
    )
    devices: tuple[str, ...] = described(
        TextsSetting,
        (),
        pattern=r"cpu|mps|(?:cuda|xpu)(?::[0-9]{1,3})?",
        values="cpu, cuda, cuda:NUMBER, mps, xpu, or xpu:NUMBER",
        label="Devices",
        help="The processors and GPUs that paint, each in a process of its own, one picture each "
        "at a time; all of one kind; a device may be there twice; empty: every GPU of NVIDIA or "
        "AMD (cuda), or the processor if there is none; those of Apple (mps) and Intel (xpu) are "
        "experimental",
    )
    memory_limit_gb: float = described(
        NumberSetting,
        0.0,
        low=0.0,
        high=4096.0,
        label="Memory limit",
        help="Gigabytes that painting may use on each device, of the GPU's memory if a GPU "
        "paints; 0 allows all that is available",
    )
    keep_minutes: float = described(
        NumberSetting,
        1440.0,
        low=0.1,
        high=10_080.0,
        label="Keep minutes",
        help="How many minutes a finished picture is kept; until then it can be fetched as often "
        "as you like",
    )
    keep_mb: int = described(
        IntegerSetting,
        2048,
        low=1,
        high=1_048_576,
        label="Keep megabytes",
        help="Megabytes of finished pictures that are kept on disk; the newest is always kept, "
        "whatever its size",
    )
    lease_seconds: float = described(
        NumberSetting,
        60.0,
        low=1.0,
        high=86_400.0,
        label="Lease seconds",
        help="How many seconds a job continues after the network connection to its program has "
        "been lost",
    )
    log_level: LogLevel = described(
        ChoiceSetting,
        LogLevel.INFO,
        choices={level: level.value for level in LogLevel},
        label="Log level",
        help="Messages of this severity and above are logged",
    )


@dataclass(frozen=True)
class ClientOptions:
    """The options by which the plug-in and the command line find the daemon."""

    endpoint: str = described(
        TextSetting,
        "",
        **_ANY_ENDPOINT,
        label="Endpoint",
        help="Address of the daemon; empty: the daemon on this machine, which is started if it is "
        "not running",
    )
    server_key: str = described(
        TextSetting,
        "",
        pattern=r"[0-9a-f]{64}",
        values="64 hexadecimal digits, as impasto keys shows them on the daemon's machine",
        label="Server key",
        help="Public key of a daemon on another machine; empty: TCP is not encrypted and only "
        "reaches daemons on this machine",
    )


@dataclass(frozen=True)
class Option:
    """An option: its table in the file, and the values that it accepts."""

    table: str
    setting: Setting

    @property
    def name(self) -> str:
        """The name in the file; with hyphens, that of the flag."""
        return self.setting.name

    @property
    def variable(self) -> str:
        """The name of the environment variable."""
        return f"IMPASTO_{self.name.upper()}"


def _options_of(table: str, kind: type[Any]) -> tuple[Option, ...]:
    schema: Schema[Setting] = Schema(kind)
    return tuple(Option(table, setting) for setting in schema)


DAEMON_OPTIONS = _options_of("daemon", DaemonOptions)
CLIENT_OPTIONS = _options_of("client", ClientOptions)
OPTIONS = (*DAEMON_OPTIONS, *CLIENT_OPTIONS)


def values_of(option: Option) -> str:
    """Returns the values that an option accepts, in words."""
    match option.setting:
        case TextSetting(values=values):
            return values
        case TextsSetting(values=values):
            return f"a list of {values}"
        case ChoiceSetting(choices=choices):
            return ", ".join(choices)
        case NumberSetting(low=low, high=high) | IntegerSetting(low=low, high=high):
            return f"{low:g} to {high:.15g}"


def toml_value(value: object) -> str:
    """Returns a value of an option in TOML's notation."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else f"{value:.15g}"
