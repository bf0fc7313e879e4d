"""The options that `stylize` and `texture` share, and the job that both of them submit."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from impasto_daemon.commands.client.progress import follow, print_estimate
from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    EXIT_CANCELLED,
    add_endpoint,
    add_output,
    as_help,
    this_program,
)
from impasto_daemon.commands.output import say, warn
from impasto_shared.beginning import Beginning, check_beginning
from impasto_shared.client import Client
from impasto_shared.errors import ImpastoError, InvalidImage, InvalidSettings
from impasto_shared.image import Image
from impasto_shared.launcher import connect_or_start
from impasto_shared.schema import (
    ChoiceSetting,
    IntegerSetting,
    LayersSetting,
    OpenChoiceSetting,
    SwitchSetting,
)
from impasto_shared.settings import Setting, StyleSettings
from impasto_shared.style import Style, check_styles

NO_MASK = "-"
_Value = TypeVar("_Value")


def add_styles(command: argparse.ArgumentParser, text: str) -> None:
    """Adds the paintings, described by `text`, with their weights and the parts of them to use."""
    command.add_argument("paintings", type=Path, nargs="*", metavar="painting", help=text)
    add_weights(command)
    command.add_argument(
        "--parts",
        nargs="+",
        action="extend",
        metavar="MASK",
        help="for each painting a mask of its own size, white where its style is taken from, "
        f"or {NO_MASK} for the whole painting",
    )


def add_weights(command: argparse.ArgumentParser) -> None:
    """Adds --weights."""
    command.add_argument(
        "--weights",
        nargs="+",
        action="extend",
        type=float,
        metavar="WEIGHT",
        help="relative weight of each painting (default: the same for all)",
    )


def add_destination(command: argparse.ArgumentParser) -> None:
    """Adds --output and --detach, of which one is required, and --endpoint."""
    destination = command.add_mutually_exclusive_group(required=True)
    add_output(destination, required=False)
    destination.add_argument(
        "--detach",
        action="store_true",
        help="print the job's name and exit; later, `impasto fetch` writes the picture",
    )
    add_endpoint(command)


def add_setting(command: argparse.ArgumentParser, setting: Setting) -> None:
    """Adds the option for a setting."""
    flag = "--" + setting.name.replace("_", "-")
    text = f"{as_help(setting.help)} (default: %(default)s)"
    match setting:
        case OpenChoiceSetting():
            names = "|".join(setting.choices)
            command.add_argument(
                flag, default=setting.default.value, metavar=f"{names}|NAME", help=text
            )
        case ChoiceSetting():
            default = setting.default.value
            choices = [str(choice) for choice in setting.choices]
            command.add_argument(flag, choices=choices, default=default, help=text)
        case SwitchSetting():
            command.add_argument(
                flag, action=argparse.BooleanOptionalAction, default=setting.default, help=text
            )
        case LayersSetting():
            command.add_argument(flag, default=setting.default, metavar="LAYER:WEIGHT,…", help=text)
        case _:
            command.add_argument(
                flag,
                type=int if isinstance(setting, IntegerSetting) else float,
                default=setting.default,
                metavar=f"{setting.low:g}..{setting.high:.15g}",
                help=text,
            )


def paint(
    options: argparse.Namespace,
    settings: StyleSettings,
    read_content: Callable[[], Image],
    begin_from: Beginning | None = None,
) -> int:
    """Has the daemon paint a content and writes the result; returns the exit status.

    read_content: reads the content. begin_from: the picture to begin from, if there is one.
    """
    from impasto_daemon.commands.image_file import check_encodable, check_writable

    if not options.detach:
        check_writable(options.output)
    content = read_content()
    if not options.detach:
        has_alpha = content.format.has_alpha
        check_encodable(options.output, content.width, content.height, has_alpha=has_alpha)
    styles = _read_styles(options)
    check_styles(styles, content, settings)
    if begin_from is not None:
        check_beginning(begin_from, content)
    with connect_or_start(
        options.endpoint,
        name=CLIENT_NAME,
        command=this_program,
        on_start=lambda: warn("Starting the Impasto daemon…"),
    ) as client:
        begun_px = 0 if begin_from is None else begin_from.size
        print_estimate(client, settings, content, styles, begun_px)
        job = client.submit(
            content, styles, settings, detached=options.detach, begin_from=begin_from
        )
        del content, styles, begin_from  # they may be large, and so may the result
        if options.detach:
            say(job)
            return 0
        if not follow(client, job):
            return EXIT_CANCELLED
        write_result(client, job, options.output)
        # The picture is on the disk; the daemon may fail now.
        with suppress(ImpastoError):
            client.forget(job)
    say(str(options.output))
    return 0


def write_result(client: Client, job: str, path: Path) -> None:
    """Writes the picture of a finished job, which the daemon keeps; see `write_picture`."""
    write_picture(client.fetch(job), job, path)


def write_picture(picture: Image, job: str, path: Path, note: str | None = None) -> None:
    """Writes the picture of a job, which the daemon keeps.

    note: as in `write_image`.

    Raises:
        InvalidImage: if it cannot be written, for example because the disk is full.
    """
    from impasto_daemon.commands.image_file import write_image

    try:
        write_image(picture, path, note)
    except InvalidImage as error:
        raise InvalidImage(
            f"{error} The daemon still has the picture. To write it elsewhere: "
            f"impasto fetch {job[:8]} -o OTHER.png"
        ) from error


def one_each(
    values: Sequence[_Value] | None, count: int, default: _Value, name: str
) -> Sequence[_Value]:
    """Returns a value for each of `count` paintings; raises InvalidSettings for another number.

    values: None for the `default` for each. name: the option's.
    """
    if values is None:
        return [default] * count
    if len(values) == count:
        return values
    text = f"--{name} needs one value for each painting: {count}, not {len(values)}."
    if len(values) > count and not isinstance(default, float):
        text += (
            " It takes all names up to the next option: write the photo and the paintings before "
            "it, or at the end, after --"
        )
    raise InvalidSettings(name, text)


def _read_styles(options: argparse.Namespace) -> list[Style]:
    from impasto_daemon.commands.image_file import read_image

    count = len(options.paintings)
    weights = one_each(options.weights, count, 1.0, "weights")
    regions = one_each(options.regions, count, NO_MASK, "regions")
    parts = one_each(options.parts, count, NO_MASK, "parts")
    return [
        Style(read_image(painting), weight, _read_mask(region), _read_mask(part))
        for painting, weight, region, part in zip(
            options.paintings, weights, regions, parts, strict=True
        )
    ]


def _read_mask(name: str) -> Image | None:
    from impasto_daemon.commands.image_file import read_image

    return None if name == NO_MASK else read_image(name)
