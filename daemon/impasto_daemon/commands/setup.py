"""The command `impasto setup`."""

from __future__ import annotations

import argparse
import sys

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_shared.errors import ImpastoError


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    summary = "install the plug-in in every GIMP 3, and what else belongs to it"
    details = "It can be repeated: what is up to date stays as it is."
    command = add_command(subparsers, "setup", summary, run, details=details)
    build = command.add_mutually_exclusive_group()
    build.add_argument("--gpu", action="store_true", help="install PyTorch for this GPU (3 GB)")
    build.add_argument("--cpu", action="store_true", help="install the small PyTorch (400 MB)")
    command.add_argument(
        "--service", action="store_true", help="have systemd start the daemon at login, too"
    )
    command.add_argument(
        "--remove", action="store_true", help="stop the daemon, and remove all of this again"
    )


def run(options: argparse.Namespace) -> int:
    """Installs or removes; returns the exit status. Raises ImpastoError on Windows."""
    if sys.platform == "win32":
        raise ImpastoError(
            "impasto setup is not for Windows. To install the plug-in in GIMP 3, start GIMP once, "
            "and run: impasto doctor --fix"
        )
    from impasto_daemon.setup import installed

    if options.remove:
        installed.remove()
    else:
        installed.set_up(installed.Wish(options.gpu, options.cpu, options.service))
    return 0
