"""The command `impasto batch`: repaints many photos, and continues where it ended the last time."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from impasto_daemon.commands.client.painting_job import add_setting, one_each
from impasto_daemon.commands.command_parser import (
    EXIT_CANCELLED,
    EXIT_FAILED,
    Subparsers,
    add_command,
    add_endpoint,
)
from impasto_daemon.commands.output import warn
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.settings import SETTINGS, Mode, StyleSettings

if TYPE_CHECKING:
    from impasto_daemon.commands.batch.display import Display
    from impasto_daemon.commands.batch.plan import Choices, Picture
    from impasto_daemon.commands.batch.results import Batch

DEFAULT_NAME = "{photo}.png"
DEFAULT_NAME_OF_EACH = "{photo}_{painting}.png"


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command, with an option for each setting."""
    command = add_command(
        subparsers,
        "batch",
        "repaint many photos in the style of paintings",
        run,
        details="Pictures that are there are not painted again: after an interruption, run the "
        "same command once more.",
    )
    command.add_argument(
        "photos",
        nargs="*",
        metavar="photo",
        help="a photo, a folder of photos, or a pattern such as 'holiday/*.jpg'",
    )
    command.add_argument(
        "--list",
        action="append",
        default=[],
        metavar="FILE",
        help="a file with a photo, folder or pattern in each line; - for standard input",
    )
    command.add_argument(
        "--style",
        type=Path,
        nargs="+",
        default=[],
        metavar="PAINTING",
        help="the paintings to take the style from; only --mode content needs none",
    )
    command.add_argument(
        "--weights",
        nargs="+",
        type=float,
        metavar="WEIGHT",
        help="relative weight of each painting (default: the same for all)",
    )
    command.add_argument(
        "--each",
        action="store_true",
        help="paint each photo after each painting, instead of after all of them together",
    )
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the pictures go"
    )
    command.add_argument(
        "--name",
        metavar="TEMPLATE",
        help="name of a picture, with {photo}, {painting} and {number} (default: "
        f"{DEFAULT_NAME}, or with --each {DEFAULT_NAME_OF_EACH})",
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace other files that have a picture's name"
    )
    for setting in SETTINGS:
        add_setting(command, setting)
    command.add_argument(
        "--sequence",
        action="store_true",
        help="the photos are frames of a film, in order: each begins from the one before it",
    )
    _add_places(command)


def _add_places(command: argparse.ArgumentParser) -> None:
    """Adds the choice between a daemon and a cluster."""
    places = command.add_mutually_exclusive_group()
    add_endpoint(places)
    places.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="paint on the workers of a Dask cluster, by its scheduler, such as tcp://ADDRESS:8786",
    )
    places.add_argument(
        "--scheduler-file",
        type=Path,
        metavar="FILE",
        help="the same, by the file that the scheduler has written for its clients",
    )
    command.add_argument(
        "--shared-files",
        action="store_true",
        help="the workers of the cluster read the photos and write the pictures themselves, under "
        "the same names as here",
    )


def run(options: argparse.Namespace) -> int:
    """Paints what is not painted yet; lists at the end what could not be."""
    from impasto_daemon.commands.batch.display import new_display
    from impasto_daemon.commands.batch.photos import find_photos
    from impasto_daemon.commands.batch.plan import Picture, plan
    from impasto_daemon.commands.batch.results import Batch, count_of

    choices = _choices(options)
    _check(options)
    batch, frames = Batch(), list[Picture]()
    for picture in plan(find_photos(options.photos, options.list), choices):
        if isinstance(picture, ImpastoError):
            batch.failures.append(picture)
        elif options.sequence:
            frames.append(picture)
            batch.pending[str(picture.target)] = picture
        else:
            batch.add(picture)
    try:
        if batch.pending:
            with new_display(len(batch.pending)) as display:
                if options.sequence:
                    _paint_in_order(batch, frames, options.endpoint, display)
                else:
                    _paint(batch, options, display)
    except KeyboardInterrupt:
        batch.report()
        warn(f"Cancelled: {count_of(len(batch.pending))} not painted. {_GO_ON}")
        return EXIT_CANCELLED
    except BaseException:
        batch.report()
        raise
    batch.report()
    return EXIT_FAILED if batch.failures else 0


_GO_ON = "To go on, run the same command again."


def _check(options: argparse.Namespace) -> None:
    """Raises InvalidSettings for options that do not go together."""
    if not (options.photos or options.list):
        raise InvalidSettings("photos", "No photo is given. Name photos, or folders of them.")
    if options.sequence and (options.each or _is_on_cluster(options)):
        raise InvalidSettings("sequence", "--sequence goes with neither --each nor --scheduler.")
    if options.shared_files and not _is_on_cluster(options):
        raise InvalidSettings("shared_files", "--shared-files is for clusters: add --scheduler.")


def _is_on_cluster(options: argparse.Namespace) -> bool:
    return bool(options.scheduler or options.scheduler_file)


def _paint_in_order(
    batch: Batch, frames: Sequence[Picture], endpoint: str, display: Display
) -> None:
    from impasto_daemon.commands.batch.sequence import paint_in_order

    paint_in_order(batch, frames, endpoint, display)


def _paint(batch: Batch, options: argparse.Namespace, display: Display) -> None:
    if not _is_on_cluster(options):
        from impasto_daemon.commands.batch.locally import paint_locally

        paint_locally(batch, options.endpoint, display)
        return
    from impasto_daemon.commands.batch.on_cluster import paint_on_cluster

    paint_on_cluster(
        batch,
        display,
        address=options.scheduler,
        file=options.scheduler_file,
        shares_files=options.shared_files,
    )


def _choices(options: argparse.Namespace) -> Choices:
    """Returns what all pictures have in common. Raises an error before anything is painted."""
    from impasto_daemon.commands.batch.naming import check_template
    from impasto_daemon.commands.batch.plan import Choices, read_painting

    values = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    settings = StyleSettings.from_json(values)
    template = options.name or (DEFAULT_NAME_OF_EACH if options.each else DEFAULT_NAME)
    check_template(template)
    if not options.style and settings.mode is not Mode.CONTENT:
        raise InvalidSettings("style", "No painting is given. Name one or more with --style.")
    weights = one_each(options.weights, len(options.style), 1.0, "weights")
    paintings = [read_painting(*each) for each in zip(options.style, weights, strict=True)]
    options.output.mkdir(parents=True, exist_ok=True)
    is_each = options.each and bool(paintings)
    return Choices(settings, paintings, is_each, options.output, template, options.overwrite)
