"""The command `impasto batch`: repaints photos and films, and continues where it ended before."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from impasto_daemon.commands.client.painting_job import add_setting, add_weights, one_each
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
    from impasto_daemon.commands.batch.films import Film
    from impasto_daemon.commands.batch.photos import Footage
    from impasto_daemon.commands.batch.plan import Choices
    from impasto_daemon.commands.batch.results import Batch

DEFAULT_NAME = "{photo}.png"
DEFAULT_NAME_OF_EACH = "{photo}_{painting}.png"
DEFAULT_NAME_OF_VIDEO = "{photo}.mp4"


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
        help="a photo, a folder of photos, or a pattern such as 'holiday/*.jpg'; or a video",
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
        action="append",
        default=[],
        metavar="PAINTING",
        help="a painting to take the style from; may be given several times. Only --mode content "
        "needs none",
    )
    add_weights(command)
    command.add_argument(
        "--each",
        action="store_true",
        help="paint each photo after each painting, instead of after all of them together",
    )
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the pictures go; for one video, also the name of the new one",
    )
    command.add_argument(
        "--name",
        metavar="TEMPLATE",
        help="name of a picture, with {photo}, {painting} and {number} (default: "
        f"{DEFAULT_NAME}, or with --each {DEFAULT_NAME_OF_EACH}; {DEFAULT_NAME_OF_VIDEO})",
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace other files that have a picture's name"
    )
    for setting in SETTINGS:
        add_setting(command, setting)
    command.add_argument(
        "--sequence",
        action="store_true",
        help="the photos are frames of a film, in order: each begins from the one before it. Every "
        "folder is a film of its own. A video is one without this option",
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
    from impasto_daemon.commands.batch.plan import plan
    from impasto_daemon.commands.batch.results import Batch, count_of

    _check(options)
    batch = Batch()
    photos, footage = _find(options)
    are_videos = _are_videos(photos, options)
    choices = _choices(options, are_videos=are_videos)
    films: list[Film] = []
    if are_videos:
        films += _planned_videos(photos, choices, batch)
    elif options.sequence:
        films += _planned_films(footage, choices, batch)
    else:
        for picture in plan(photos, choices):
            if isinstance(picture, ImpastoError):
                batch.failures.append(picture)
            else:
                batch.add(picture)
    for film in films:
        batch.pending |= {str(picture.target): picture for picture in film.frames}
    try:
        if batch.pending:
            with new_display(len(batch.pending)) as display:
                _paint(batch, films, options, display)
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
    several: list[Path] = next((names for names in options.style if len(names) > 1), [])
    if not (options.photos or options.list):
        text = "No photo is given. Name photos, or folders of them"
        raise InvalidSettings("photos", f"{text}, before --style." if several else f"{text}.")
    if several and _may_be_photos(options):
        separately = " ".join(f"--style {shlex.quote(str(name))}" for name in several)
        raise InvalidSettings(
            "style",
            f"--style takes all names up to the next option, and {several[-1]} may be a photo. "
            f"Write photos before --style, and each painting after its own: {separately}",
        )
    if options.sequence and options.each:
        raise InvalidSettings("sequence", "--sequence does not go with --each.")
    if options.shared_files and not _is_on_cluster(options):
        raise InvalidSettings("shared_files", "--shared-files is for clusters: add --scheduler.")
    if options.shared_files and options.sequence:
        raise InvalidSettings("shared_files", "--shared-files does not go with films.")


def _may_be_photos(options: argparse.Namespace) -> bool:
    """Returns whether a name after --style may be meant to be one more photo.

    Not if photos are folders or patterns, or if there are other signs of several paintings.
    """
    from impasto_daemon.commands.batch.photos import is_single_file

    has_signs = len(options.style) == 1 and (options.each or options.weights is not None)
    return not has_signs and any(map(is_single_file, options.photos))


def _is_on_cluster(options: argparse.Namespace) -> bool:
    return bool(options.scheduler or options.scheduler_file)


def _find(options: argparse.Namespace) -> tuple[list[Path | ImpastoError], list[Footage]]:
    """Returns the photos and, of a sequence, the films that they are of."""
    from impasto_daemon.commands.batch.photos import find_footage, find_photos

    if not options.sequence:
        return list(find_photos(options.photos, options.list)), []
    footage = list(find_footage(options.photos, options.list))
    return [photo for each in footage for photo in each.photos], footage


def _are_videos(photos: Sequence[Path | ImpastoError], options: argparse.Namespace) -> bool:
    """Returns whether videos are to be painted. Raises InvalidSettings if not only videos are."""
    from impasto_daemon.commands.video_file.reading import is_video
    from impasto_daemon.commands.video_file.writing import FORMATS, can_write

    files = [photo for photo in photos if isinstance(photo, Path)]
    videos = [file for file in files if is_video(file)]
    if videos and is_video(options.output) and not can_write(options.output):
        endings = ", ".join(FORMATS)
        raise InvalidSettings("output", f"-o {options.output}: a video must end in {endings}.")
    names_video = can_write(options.output) and not options.output.is_dir()
    if videos and len(videos) < len(files):
        raise InvalidSettings("photos", "Paint videos and photos by a command each.")
    if videos and (options.each or options.shared_files):
        other = "--each" if options.each else "--shared-files"
        raise InvalidSettings("photos", f"Videos do not go with {other}.")
    if names_video and len(videos) != 1:
        raise InvalidSettings(
            "output",
            f"-o {options.output} is the name of one video, and {len(videos) or 'no'} videos are "
            "given. Name a folder.",
        )
    return bool(videos)


def _planned_videos(
    videos: Sequence[Path | ImpastoError], choices: Choices, batch: Batch
) -> Iterator[Film]:
    from impasto_daemon.commands.batch.video_film import plan_videos

    for film in plan_videos(videos, choices):
        if isinstance(film, ImpastoError):
            batch.failures.append(film)
        elif film is None:
            batch.were_there += 1
        else:
            yield film


def _planned_films(footage: Sequence[Footage], choices: Choices, batch: Batch) -> Iterator[Film]:
    from impasto_daemon.commands.batch.films import plan_films

    for film, failures in plan_films(footage, choices):
        batch.failures += failures
        yield film


def _paint(
    batch: Batch, films: Sequence[Film], options: argparse.Namespace, display: Display
) -> None:
    if not _is_on_cluster(options):
        if films:
            from impasto_daemon.commands.batch.sequence import paint_in_order

            paint_in_order(batch, films, options.endpoint, display)
        else:
            from impasto_daemon.commands.batch.locally import paint_locally

            paint_locally(batch, options.endpoint, display)
        return
    from impasto_daemon.commands.batch.on_cluster import (
        Place,
        paint_films_on_cluster,
        paint_on_cluster,
    )

    place = Place(options.scheduler, options.scheduler_file)
    if films:
        paint_films_on_cluster(batch, films, display, place)
    else:
        paint_on_cluster(batch, display, place, shares_files=options.shared_files)


def _choices(options: argparse.Namespace, *, are_videos: bool) -> Choices:
    """Returns what all pictures have in common. Raises an error before anything is painted."""
    from impasto_daemon.commands.batch.naming import check_template, check_video_template
    from impasto_daemon.commands.batch.plan import Choices, read_painting

    values = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    settings = StyleSettings.from_json(values)
    usual = DEFAULT_NAME_OF_EACH if options.each else DEFAULT_NAME
    template = options.name or (DEFAULT_NAME_OF_VIDEO if are_videos else usual)
    (check_video_template if are_videos else check_template)(template)
    names = [name for each in options.style for name in each]
    if not names and settings.mode is not Mode.CONTENT:
        raise InvalidSettings("style", "No painting is given. Name one or more with --style.")
    weights = one_each(options.weights, len(names), 1.0, "weights")
    paintings = [read_painting(*each) for each in zip(names, weights, strict=True)]
    is_each = options.each and bool(paintings)
    choices = Choices(settings, paintings, is_each, options.output, template, options.overwrite)
    choices.make_folder()
    return choices
