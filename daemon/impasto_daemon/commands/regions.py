"""The command `impasto regions`: splits a photo into regions, and writes a mask of each."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path

from impasto_daemon.commands.client.progress import estimate_line, follow
from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    EXIT_CANCELLED,
    Subparsers,
    add_command,
    add_endpoint,
    this_program,
)
from impasto_daemon.commands.output import say, warn
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError, InvalidImage
from impasto_shared.image import Image
from impasto_shared.launcher import connect_or_start
from impasto_shared.segmentation import (
    LARGEST_SEGMENTED_PX,
    MAX_REGIONS,
    MIN_REGIONS,
    masks_of,
)
from impasto_shared.settings import StyleSettings

_OVERVIEW = "regions.png"
_MASK = "region_{number}.png"


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    command = add_command(
        subparsers,
        "regions",
        "split a photo into regions, such as sky and ground, and write their masks",
        run,
        details=f"The folder gets {_MASK.format(number=1)} and so on, the largest region first, "
        f"for stylize --regions, and {_OVERVIEW}, which shows them all with their numbers.",
    )
    command.add_argument("photo", type=Path, help="the photo to split")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder for the masks"
    )
    command.add_argument(
        "--count",
        type=int,
        choices=range(MIN_REGIONS, MAX_REGIONS + 1),
        default=0,
        help="number of regions (default: as many as the photo seems to have)",
    )
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Writes the masks and prints their paths, each with the share of the photo that it covers."""
    from impasto_daemon.commands.image_file import read_image
    from impasto_daemon.commands.image_file.region_pictures import reduced

    photo = read_image(options.photo)
    small = reduced(photo, LARGEST_SEGMENTED_PX)
    _make_folder(options.output)
    with connect_or_start(
        options.endpoint,
        name=CLIENT_NAME,
        command=this_program,
        on_start=lambda: warn("Starting the Impasto daemon…"),
    ) as client:
        job = _submit(client, small, options.count)
        if not follow(client, job):
            return EXIT_CANCELLED
        masks = masks_of(small, client.fetch(job))
        with suppress(ImpastoError):
            client.forget(job)
    _write(options.output, photo, masks)
    return 0


def _make_folder(folder: Path) -> None:
    """Makes the folder for the masks; raises InvalidImage if that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidImage(
            f"The folder {folder} cannot be made: {error.strerror}. Choose another one."
        ) from error


def _submit(client: Client, photo: Image, count: int) -> str:
    size = photo.width, photo.height
    try:
        job = client.segment(photo, count)
    except DaemonError as error:
        if error.code is not ErrorCode.UNKNOWN_TYPE:
            raise
        raise DaemonError(
            "This daemon is too old to split photos into regions. Update it.", error.code
        ) from error
    forecast = client.forecast(StyleSettings(), *size, segments=True)
    if forecast is not None:
        warn(estimate_line(forecast))
    return job


def _write(folder: Path, photo: Image, masks: list[Image]) -> None:
    from impasto_daemon.commands.image_file import write_image
    from impasto_daemon.commands.image_file.region_pictures import enlarged, overview

    for number, mask in enumerate(masks, start=1):
        path = folder / _MASK.format(number=number)
        write_image(enlarged(mask, photo.width, photo.height), path)
        pixels = memoryview(mask.pixels)
        say(f"{path}  {sum(pixels) / (255 * len(pixels)):.0%}")
    write_image(overview(photo, masks), folder / _OVERVIEW)
    say(str(folder / _OVERVIEW))
