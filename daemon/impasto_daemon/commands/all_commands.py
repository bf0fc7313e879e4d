"""The parser of all commands.

Importing this loads neither torch nor numpy nor Pillow: commands import them when they run.
"""

from __future__ import annotations

import sys
from types import ModuleType

from impasto_daemon.commands import (
    config,
    keys,
    regions,
    serve,
    status,
    stylize,
    texture,
    weights,
)
from impasto_daemon.commands.batch import command as batch
from impasto_daemon.commands.command_parser import IntermixedParser
from impasto_daemon.commands.explore import command as explore
from impasto_daemon.commands.jobs import cancel, fetch, keep, list_jobs, show
from impasto_shared import __version__

# In the order in which --help lists them.
_COMMANDS: tuple[ModuleType, ...] = (
    *(serve, stylize, batch, regions, texture, explore),
    *(status, list_jobs, show, fetch, cancel, keep),
    *(weights, keys, config),
)
if sys.platform != "win32":  # where they know neither the folders nor the programs
    from impasto_daemon.commands import setup
    from impasto_daemon.commands.doctor import command as doctor

    _COMMANDS = (*_COMMANDS, setup, doctor)
else:
    from impasto_daemon.commands import stop

    _COMMANDS = (*_COMMANDS, stop)


def all_commands() -> IntermixedParser:
    """Returns the parser of all commands; `run` of its result executes the chosen one."""
    parser = IntermixedParser(
        prog="impasto",
        description="Neural style transfer: repaints a photo in the style of paintings.",
    )
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(subparsers)
    return parser
