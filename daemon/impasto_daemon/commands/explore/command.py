"""The command `impasto explore`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    Subparsers,
    add_command,
    add_endpoint,
    this_program,
)
from impasto_daemon.commands.output import say, warn
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.explore.contact_sheet import ContactSheet
from impasto_shared.explore.experiments import FULL, QUICK, SHEET_NAMES, all_sheets
from impasto_shared.launcher import connect_or_start
from impasto_shared.settings import Model, StyleSettings, is_vgg

if TYPE_CHECKING:  # Pillow is imported when the command runs
    from impasto_daemon.commands.explore.folder import Folder
    from impasto_daemon.commands.explore.painting import FolderPainter
    from impasto_daemon.commands.explore.pictures import Originals

_PAGE = "index.html"


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    summary = "make contact sheets that show the effect of each setting"
    command = add_command(subparsers, "explore", summary, run)
    command.add_argument("photo", type=Path, help="the photo that all pictures are made from")
    command.add_argument(
        "painting",
        type=Path,
        nargs="?",
        help="the painting to take the style from (default: none; only the sheets and pictures "
        "that need no painting are made)",
    )
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder for the sheets"
    )
    command.add_argument(
        "--only",
        metavar="SHEET,…",
        help=f"sheets to make, out of {', '.join(SHEET_NAMES)} (default: all)",
    )
    command.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help=f"longest side of each picture (default: {FULL.size}; with --quick {QUICK.size})",
    )
    command.add_argument(
        "--quick", action="store_true", help="paint fewer and smaller pictures, with less work each"
    )
    command.add_argument(
        "--model",
        type=_model,
        # The sheets name layers of a VGG.
        choices=[model.value for model in Model if is_vgg(model)],
        default=Model.VGG19.value,
        help="network for all sheets except `backbones` (default: %(default)s)",
    )
    add_endpoint(command)


def _model(name: str) -> str:
    """Returns the network of that name, which may be one from an earlier version."""
    try:
        return StyleSettings(model=name).model
    except InvalidSettings as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> int:
    """Makes the sheets and prints their paths."""
    from impasto_daemon.commands.explore.folder import Folder
    from impasto_daemon.commands.explore.painting import FolderPainter

    sheets = all_sheets(
        options.size,
        is_quick=options.quick,
        has_painting=options.painting is not None,
        model=Model(options.model),
    )
    chosen = _choose(sheets, options.only)
    folder = Folder(options.output, _read_originals(options, sheets[0].tiles[0].settings.size))
    if options.painting is None:
        warn("No painting was given: only the sheets and pictures that need none are made.")
    with connect_or_start(
        options.endpoint,
        name=CLIENT_NAME,
        command=this_program,
        on_start=lambda: warn("Starting the Impasto daemon…"),
    ) as client:
        painter = FolderPainter(client, folder, chosen, warn)
        files = [_name(file) for file in (options.photo, options.painting) if file is not None]
        try:
            _write_sheets(painter, folder, sheets, files)
        except (ImpastoError, KeyboardInterrupt):
            warn(
                "",
                f"{painter.done} of {painter.count} pictures are finished, and kept in "
                f"{folder.path}. Run the same command again to continue.",
            )
            raise
    say(str(folder.path / _PAGE))
    return 0


def _read_originals(options: argparse.Namespace, size: int) -> Originals:
    from impasto_daemon.commands.explore.pictures import Originals, flattened
    from impasto_daemon.commands.image_file import read_image

    photo = flattened(read_image(options.photo), size)
    if options.painting is None:
        return Originals(photo, None)
    return Originals(photo, flattened(read_image(options.painting)))


def _write_sheets(
    painter: FolderPainter, folder: Folder, sheets: Iterable[ContactSheet], files: list[str]
) -> None:
    """Writes each sheet as soon as it is painted, and the page with all sheets made so far."""
    from impasto_daemon.commands.explore.page import page
    from impasto_daemon.commands.explore.sheet_image import sheet_as_png

    originals = folder.originals.captioned()
    finished = {sheet.name: folder.find_sheet(sheet) for sheet in sheets}
    for painted in painter.paint():
        name = painted.sheet.name
        finished[name] = painted
        shown = [sheet for sheet in finished.values() if sheet is not None]
        folder.write(_PAGE, page(shown, originals, files).encode())
        say(str(folder.write(f"{name}.png", sheet_as_png(painted, originals))))


def _name(file: Path) -> str:
    """Returns the path of a file as text, which it need not be."""
    return os.fsencode(file).decode(errors="backslashreplace")


def _choose(sheets: tuple[ContactSheet, ...], only: str | None) -> tuple[ContactSheet, ...]:
    """Returns the sheets that `only` names; raises InvalidSettings if one does not exist."""
    if only is None:
        return sheets
    chosen = [name.strip() for name in only.split(",")]
    names = [sheet.name for sheet in sheets]
    for name in chosen:
        if name in SHEET_NAMES and name not in names:
            message = f"The sheet {name} needs a painting. Name one after the photo."
            raise InvalidSettings("only", message)
        if name not in names:
            known = ", ".join(SHEET_NAMES)
            raise InvalidSettings("only", f"There is no sheet {name!r}. Choose from: {known}.")
    return tuple(sheet for sheet in sheets if sheet.name in chosen)
