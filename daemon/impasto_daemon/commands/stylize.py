"""The command `impasto stylize`: repaints a photo in the style of paintings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from impasto_daemon.commands.client.painting_job import (
    NO_MASK,
    add_destination,
    add_setting,
    add_styles,
    paint,
)
from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_shared.beginning import Beginning
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import SETTINGS, StyleSettings


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command, with an option for each setting."""
    command = add_command(subparsers, "stylize", "repaint a photo in the style of paintings", run)
    command.add_argument("photo", type=Path, help="the photo to repaint")
    add_styles(command, "the paintings to take the style from; only --mode content needs none")
    command.add_argument(
        "--regions",
        nargs="+",
        action="extend",
        metavar="MASK",
        help="for each painting a mask of the photo's size, white where its style is applied, "
        f"or {NO_MASK} for the rest of the photo",
    )
    command.add_argument(
        "--begin-from",
        nargs=2,
        metavar=("PICTURE", "SIZE"),
        help="continue a picture that was painted from the photo at a smaller --size: the "
        "composition remains, and only finer strokes are added",
    )
    for setting in SETTINGS:
        add_setting(command, setting)
    add_destination(command)


def run(options: argparse.Namespace) -> int:
    """Repaints the photo and writes the result, or leaves the job to the daemon."""
    from impasto_daemon.commands.image_file import read_image

    values = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    settings = StyleSettings.from_json(values)
    beginning = _read_beginning(options.begin_from)
    return paint(options, settings, lambda: read_image(options.photo), beginning)


def _read_beginning(values: Sequence[str] | None) -> Beginning | None:
    """Returns the picture to begin from; raises InvalidSettings if its size is not a number."""
    from impasto_daemon.commands.image_file import read_image

    if values is None:
        return None
    picture, size = values
    if not size.isdecimal():
        raise InvalidSettings(
            "begin_from",
            "--begin-from needs the picture, and the --size at which it was painted in pixels; "
            f"got {size!r} for the size.",
        )
    return Beginning(read_image(picture), int(size))
