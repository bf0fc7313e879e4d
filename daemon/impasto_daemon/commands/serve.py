"""The command `impasto serve`: runs the daemon."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.command_parser import Subparsers, add_command, as_help
from impasto_daemon.commands.output import warn
from impasto_shared.configuration.options import DAEMON_OPTIONS
from impasto_shared.configuration.resolution import daemon_options
from impasto_shared.schema import IntegerSetting, NumberSetting

# Keeps the daemon's `endpoint` apart from that of a client.
_PREFIX = "daemon_"
_TYPES: dict[type, type] = {NumberSetting: float, IntegerSetting: int}


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command, with a flag for each option of the daemon."""
    command = add_command(subparsers, "serve", "run the daemon until it is interrupted", run)
    for option in DAEMON_OPTIONS:
        command.add_argument(
            "--" + option.name.replace("_", "-"),
            dest=_PREFIX + option.name,
            type=_TYPES.get(type(option.setting), str),
            metavar=option.name.rpartition("_")[2].upper(),
            help=f"{as_help(option.setting.help)} (default: see impasto config)",
        )


def run(options: argparse.Namespace) -> int:
    """Runs the daemon until it is told to stop; returns at once if another one is running."""
    # Imported here, so that clients do not load the server.
    from impasto_daemon.server.main import serve
    from impasto_daemon.server.process.single_instance import AlreadyRunning

    config = daemon_options(
        {option.name: getattr(options, _PREFIX + option.name) for option in DAEMON_OPTIONS}
    )
    try:
        serve(config)
    except AlreadyRunning as running:
        warn(f"impasto: {running}")
    return 0
