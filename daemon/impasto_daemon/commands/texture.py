"""The command `impasto texture`: paints the style of paintings without a photo."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.client.painting_job import (
    add_destination,
    add_setting,
    add_styles,
    paint,
)
from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_shared.image import PixelFormat
from impasto_shared.texture import HEIGHT, TEXTURE_SETTINGS, WIDTH, canvas_of, texture_settings


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command, with an option for each setting that a texture has."""
    summary = "paint the style of paintings without a photo"
    command = add_command(subparsers, "texture", summary, run)
    add_styles(command, "the paintings to take the style from")
    for setting in (WIDTH, HEIGHT, *TEXTURE_SETTINGS):
        add_setting(command, setting)
    add_destination(command)
    command.set_defaults(regions=None)


def run(options: argparse.Namespace) -> int:
    """Paints the texture and writes it, or leaves the job to the daemon."""
    values = {setting.name: getattr(options, setting.name) for setting in TEXTURE_SETTINGS}
    settings = texture_settings(values, options.width, options.height)
    canvas = canvas_of(options.width, options.height, PixelFormat.RGB_U8)
    return paint(options, settings, lambda: canvas)
