"""The command `impasto`: its parser, and the dispatch to the module of each command.

Importing this loads neither torch nor numpy nor Pillow: commands import them when they run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from impasto_daemon.commands import (
    cancel,
    config,
    fetch,
    jobs,
    keep,
    keys,
    serve,
    show,
    status,
    stylize,
    texture,
    weights,
)
from impasto_daemon.commands.command_parser import EXIT_CANCELLED, EXIT_FAILED, IntermixedParser
from impasto_daemon.commands.doctor import command as doctor
from impasto_daemon.commands.explore import command as explore
from impasto_shared import __version__
from impasto_shared.configuration.resolution import default_endpoint
from impasto_shared.errors import ImpastoError

# In the order in which --help lists them.
_COMMANDS = (
    *(serve, stylize, texture, explore),
    *(status, jobs, show, fetch, cancel, keep),
    *(weights, keys, config, doctor),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its status."""
    options = new_parser().parse_args(arguments)
    try:
        # Not the option's default: --help must work with a broken configuration, too.
        if getattr(options, "endpoint", "") is None:
            options.endpoint = default_endpoint()
        sys.exit(options.run(options))
    except ImpastoError as error:
        print(f"impasto: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        print("\nimpasto: cancelled", file=sys.stderr)
        sys.exit(EXIT_CANCELLED)


def new_parser() -> argparse.ArgumentParser:
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
