"""The command `impasto config`: shows each option's value and source, or writes a file."""

from __future__ import annotations

import argparse
import textwrap
from contextlib import suppress

from impasto_daemon.commands.command_parser import Subparsers, add_command, add_json
from impasto_daemon.commands.output import say, say_json
from impasto_shared.configuration.options import OPTIONS, toml_value, values_of
from impasto_shared.configuration.resolution import ResolvedOption, config_path, resolved_options
from impasto_shared.errors import ImpastoError
from impasto_shared.files.atomic_write import FileNotDurable, create_atomically


class FileExists(ImpastoError):
    """The configuration file exists already; it is never overwritten."""


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    summary = "show the configuration, and where each value comes from"
    command = add_command(subparsers, "config", summary, run)
    command.add_argument("--init", action="store_true", help="write a commented file to edit")
    add_json(command)


def run(options: argparse.Namespace) -> int:
    """Prints the value of each option and its source; with --init writes a file instead."""
    if options.init:
        _write_file()
        return 0
    resolved = resolved_options()
    if options.json:
        say_json([_as_json(entry) for entry in resolved])
    else:
        say(*_lines(resolved))
    return 0


def _write_file() -> None:
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with suppress(FileNotDurable):  # it is there, and can be made again
            create_atomically(path, commented_file().encode())
    except FileExistsError:
        raise FileExists(f"{path} exists already. Edit it, or move it away first.") from None
    say(str(path))


def _as_json(resolved: ResolvedOption) -> dict[str, object]:
    option = resolved.option
    return {
        "table": option.table,
        "name": option.name,
        "value": resolved.value,
        "source": resolved.source or "default",
    }


def _lines(resolved: list[ResolvedOption]) -> list[str]:
    path = config_path()
    lines = [f"# {path}" if path.exists() else f"# {path} does not exist."]
    if not path.exists():
        lines.append("# To create it, run: impasto config --init")
    table = ""
    for entry in resolved:
        if entry.option.table != table:
            table = entry.option.table
            lines += ["", f"[{table}]"]
        value = f"{entry.option.name} = {toml_value(entry.value)}"
        lines.append(f"{value:40}  # {entry.source or 'default'}")
    return lines


def commented_file() -> str:
    """Returns a configuration file with every option as a comment, described with its values."""
    lines = [
        "# The configuration of Impasto. Remove the # before an option to set it.",
        "# Environment variables (IMPASTO_ and the name in capitals) override this file, and",
        "# flags of `impasto serve` override both. To see the values in use: impasto config",
    ]
    table = ""
    for option in OPTIONS:
        if option.table != table:
            table = option.table
            lines += ["", f"[{table}]"]
        lines += ["", *_as_comment(f"{option.setting.help}."), f"# Values: {values_of(option)}."]
        lines.append(f"# {option.name} = {toml_value(option.setting.default)}")
    return "\n".join(lines) + "\n"


def _as_comment(text: str) -> list[str]:
    return textwrap.wrap(
        text, width=90, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
