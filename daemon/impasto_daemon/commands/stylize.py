"""The command `impasto stylize`: repaints a photo in the style of paintings."""

from __future__ import annotations

import argparse
from pathlib import Path

from impasto_daemon.commands.client.painting_job import (
    NO_MASK,
    add_destination,
    add_setting,
    add_styles,
    paint,
)
from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_shared.settings import SETTINGS, StyleSettings


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command, with an option for each setting."""
    command = add_command(subparsers, "stylize", "repaint a photo in the style of paintings", run)
    command.add_argument("photo", type=Path, help="the photo to repaint")
    add_styles(command, "the paintings to take the style from; only --mode content needs none")
    command.add_argument(
        "--regions",
        nargs="+",
        metavar="MASK",
        help="for each painting a mask of the photo's size, white where its style is applied, "
        f"or {NO_MASK} for the rest of the photo",
    )
    for setting in SETTINGS:
        add_setting(command, setting)
    add_destination(command)


def run(options: argparse.Namespace) -> int:
    """Repaints the photo and writes the result, or leaves the job to the daemon."""
    from impasto_daemon.commands.image_file import read_image

    values = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    return paint(options, StyleSettings.from_json(values), lambda: read_image(options.photo))
