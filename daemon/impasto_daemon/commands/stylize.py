"""The command `impasto stylize`: paints a photo in the style of paintings."""

from __future__ import annotations

import argparse
from pathlib import Path

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_daemon.commands.painting import (
    NO_MASK,
    add_destination,
    add_setting,
    add_styles,
    paint,
)
from impasto_shared.settings import SETTINGS, StyleSettings


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command, with an option for each setting."""
    command = add_command(subparsers, "stylize", "paint a photo in the manner of paintings", run)
    command.add_argument("photo", type=Path, help="the picture to be painted")
    add_styles(command, "the pictures whose style it takes")
    command.add_argument(
        "--regions",
        nargs="+",
        metavar="MASK",
        help="for each painting a picture as large as the photo, white where its style is to go, "
        f"or {NO_MASK} for what the others leave",
    )
    for setting in SETTINGS:
        add_setting(command, setting)
    add_destination(command)


def run(options: argparse.Namespace) -> int:
    """Paints the photo and writes the result, or leaves the job to the daemon."""
    from impasto_daemon.commands.image_file import read_image

    values = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    return paint(options, StyleSettings.from_json(values), lambda: read_image(options.photo))
