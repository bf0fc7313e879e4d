"""The parser of all commands.

Importing this loads neither torch nor numpy nor Pillow: commands import them when they run.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from impasto_daemon.commands.command_parser import IntermixedParser
from impasto_shared import __version__

# The modules of the commands in impasto_daemon.commands, in the order in which --help lists them.
_MODULES = {
    "serve": "serve",
    "stylize": "stylize",
    "batch": "batch.command",
    "regions": "regions",
    "texture": "texture",
    "explore": "explore.command",
    "status": "status",
    "jobs": "jobs.list_jobs",
    "show": "jobs.show",
    "fetch": "jobs.fetch",
    "cancel": "jobs.cancel",
    "keep": "jobs.keep",
    "stop": "stop",
    "weights": "weights",
    "keys": "keys",
    "config": "config",
    "setup": "setup",
    "doctor": "doctor.command",
}


def all_commands(arguments: Sequence[str] = ()) -> IntermixedParser:
    """Returns the parser of all commands; `run` of its result executes the chosen one.

    arguments: if they begin with the name of a command, only its module is imported, and the parser
        knows no other: half of the time that a short command takes.
    """
    parser = IntermixedParser(
        prog="impasto",
        description="Neural style transfer: repaints a photo in the style of paintings.",
    )
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    chosen = _MODULES.get(arguments[0]) if arguments else None
    for module in _MODULES.values() if chosen is None else [chosen]:
        importlib.import_module(f"impasto_daemon.commands.{module}").add_parser(subparsers)
    return parser
