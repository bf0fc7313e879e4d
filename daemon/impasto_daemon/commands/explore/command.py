"""The command `impasto explore`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    Subparsers,
    add_command,
    add_endpoint,
)
from impasto_shared.errors import ImpastoError, InvalidSettings
from impasto_shared.explore.contact_sheet import ContactSheet
from impasto_shared.explore.experiments import FULL, QUICK, SHEET_NAMES, all_sheets
from impasto_shared.launcher import connect_or_start
from impasto_shared.settings import Model, is_vgg

PAGE = "index.html"


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    summary = "show on contact sheets what each setting does"
    command = add_command(subparsers, "explore", summary, run)
    command.add_argument("photo", type=Path, help="the picture that all others are made of")
    command.add_argument(
        "painting",
        type=Path,
        nargs="?",
        help="the picture whose style is taken (default: none, and what needs one is left out)",
    )
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the sheets go"
    )
    command.add_argument(
        "--only",
        metavar="SHEET,…",
        help=f"the sheets that are made: some of {', '.join(SHEET_NAMES)} (default: all)",
    )
    command.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help=f"longest side of each picture (default: {FULL.size}, quickly {QUICK.size})",
    )
    command.add_argument(
        "--quick", action="store_true", help="smaller pictures, fewer, and less work for each"
    )
    command.add_argument(
        "--model",
        # The sheets name layers of a VGG.
        choices=[model.value for model in Model if is_vgg(model)],
        default=Model.AUTO.value,
        help="the network of all sheets but the one of networks (default: %(default)s)",
    )
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Makes the sheets, and says where they are."""
    from impasto_daemon.commands.explore.folder import Folder
    from impasto_daemon.commands.explore.page import page
    from impasto_daemon.commands.explore.painting import Painter
    from impasto_daemon.commands.explore.sheet_image import contact_sheet, prepared
    from impasto_daemon.commands.image_file import read_image

    everything = all_sheets(
        options.size,
        is_quick=options.quick,
        has_painting=options.painting is not None,
        model=Model(options.model),
    )
    sheets = _chosen(everything, options.only)
    size = everything[0].tiles[0].settings.size
    photo = prepared(read_image(options.photo)[0], size)
    painting = prepared(read_image(options.painting)[0]) if options.painting is not None else None
    originals = [("The photo", photo)]
    names = [str(options.photo)]
    if painting is None:
        _say("There is no painting: what needs one is left out.")
    else:
        originals.append(("The painting", prepared(painting, size)))
        names.append(str(options.painting))
    folder = Folder(options.output, photo, painting)
    with connect_or_start(
        options.endpoint,
        name=CLIENT_NAME,
        command=lambda: [sys.executable, "-m", "impasto_daemon"],
        on_start=lambda: _say("Starting the Impasto daemon …"),
    ) as client:
        painter = Painter(client, folder, sheets, photo, painting, _say)
        painted = {sheet.name: found for sheet in everything if (found := folder.found(sheet))}
        try:
            for finished in painter.paint():
                painted[finished.sheet.name] = finished
                shown = [painted[name] for name in SHEET_NAMES if name in painted]
                folder.write(PAGE, page(shown, originals, names).encode())
                name = f"{finished.sheet.name}.png"
                print(folder.write(name, contact_sheet(finished, originals)))
        except (ImpastoError, KeyboardInterrupt):
            _say(
                f"\n{painter.done} of {painter.count} pictures are kept in {folder.path}; the same "
                "command goes on there."
            )
            raise
    print(folder.path / PAGE)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _chosen(sheets: tuple[ContactSheet, ...], only: str | None) -> tuple[ContactSheet, ...]:
    """Those of `sheets` that are named; raises InvalidSettings where one is not among them."""
    if only is None:
        return sheets
    wanted = [name.strip() for name in only.split(",")]
    names = [sheet.name for sheet in sheets]
    for name in wanted:
        if name in SHEET_NAMES and name not in names:
            raise InvalidSettings("only", f"The sheet {name} needs a painting. Name one.")
        if name not in names:
            raise InvalidSettings(
                "only", f"There is no sheet {name!r}; known are {', '.join(SHEET_NAMES)}."
            )
    return tuple(sheet for sheet in sheets if sheet.name in wanted)
