"""The parser class of the command `impasto`, and the options that several commands share."""

from __future__ import annotations

import argparse
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from impasto_shared.configuration.resolution import checked_client_endpoint, default_endpoint
from impasto_shared.text.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    Run: TypeAlias = Callable[[argparse.Namespace], int]

CLIENT_NAME = "impasto"
"""The name under which the daemon lists the jobs of these commands."""
EXIT_FAILED = 1
EXIT_CANCELLED = 130


def this_program() -> list[str]:
    """Returns the command line of this program, which imports nothing from the current folder."""
    return [sys.executable, "-P", "-m", "impasto_daemon"]


class IntermixedParser(argparse.ArgumentParser):
    """Accepts options between a command's files, as in `stylize photo --size 64 wave`.

    A plain parser refuses that, because a positional of any number (`nargs="*"`) takes its values
    in one go. CPython 3.12.7 and 3.13.1 (gh-59317) accept an option before the first of them, and
    still none between two of them, so this class is needed on every version. It can go once a
    subparser intermixes by itself.
    """

    _is_intermixing = False
    _given: tuple[str, ...] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses with options and positionals in any order, except above subcommands.

        `parse_known_intermixed_args` raises TypeError for a parser with subcommands. Before CPython
        3.12.8 and 3.13.1 (gh-125355) it calls this method, once for the options and once for the
        rest, and would take the names after `--` for options the second time.
        """
        if self._is_intermixing and "--" in args and self._takes_options_only:
            first = args.index("--")
            namespace, rest = super().parse_known_args(args[:first], namespace)
            return namespace, [*rest, *args[first:]]
        if self._is_intermixing or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        args = self._with_numbers_last(args)
        self._is_intermixing, self._given = True, tuple(args)
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_intermixing = False

    def error(self, message: str) -> NoReturn:
        """Exits with an error of usage, without control characters in the names that it quotes.

        Says which option may have taken the missing files.
        """
        takers = [flag for flag in self._flags_of_any_number() if flag in self._given]
        if takers and message.startswith("the following arguments are required"):
            message += (
                f". {takers[0]} takes all names up to the next option: write the files before it, "
                "or at the end, after --"
            )
        super().error(printable(message))

    def _with_numbers_last(self, args: Any) -> list[str]:
        """Returns the arguments with options of numbers, and the numbers, behind the files.

        So that `--weights 1 photo wave` does not take the photo for a weight.
        """
        rest = list(sys.argv[1:] if args is None else args)
        flags = self._flags_of_any_number(float)
        others: list[str] = []
        moved: list[str] = []
        while rest and rest[0] != "--":
            word = rest.pop(0)
            numbers = list(takewhile(_is_number, rest)) if word in flags else []
            if numbers:
                moved += word, *numbers
                del rest[: len(numbers)]
            else:
                others.append(word)
        return [*others, *moved, *rest]

    def _flags_of_any_number(self, of_type: type | None = None) -> list[str]:
        """Returns the options that take any number of values, of a type if that is given."""
        return [
            flag
            for action in self._actions
            if action.nargs == "+" and (of_type is None or action.type is of_type)
            for flag in action.option_strings
        ]

    @property
    def _takes_options_only(self) -> bool:
        positionals = self._get_positional_actions()
        return all(action.nargs == argparse.SUPPRESS for action in positionals)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


Subparsers: TypeAlias = "argparse._SubParsersAction[IntermixedParser]"  # noqa: SLF001 - has no other name


def add_command(
    subparsers: Subparsers, name: str, summary: str, run: Run, *, details: str = ""
) -> IntermixedParser:
    """Returns the parser of a new command.

    run: executes the command with the parsed options and returns the exit status.
    details: sentences that follow the summary in the command's own help.
    """
    description = f"{summary[0].upper()}{summary[1:]}. {details}".rstrip()
    command = subparsers.add_parser(name, help=summary, description=description)
    command.set_defaults(run=run)
    return command


def as_help(text: str) -> str:
    """Returns the help of a setting or option as argparse shows it: % escaped, lower case first."""
    return f"{text[0].lower()}{text[1:]}".replace("%", "%%")


def add_endpoint(command: argparse._ActionsContainer) -> None:
    """Adds --endpoint; `main` fills in its default."""
    command.add_argument(
        "--endpoint",
        metavar="ADDRESS",
        help="address of the daemon, ipc:///PATH, loopback:///PATH or tcp://ADDRESS:PORT (default: "
        "see impasto config)",
    )


def endpoint_of(options: argparse.Namespace) -> str:
    """Returns the address of the daemon to use: that of --endpoint, or the configured one.

    Raises:
        InvalidConfig: if it is no address, or the configuration cannot be used.
    """
    if options.endpoint is None:
        return default_endpoint()
    return checked_client_endpoint(options.endpoint, "--endpoint")


def add_json(command: argparse.ArgumentParser) -> None:
    """Adds --json."""
    command.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_output(command: argparse._ActionsContainer, *, required: bool = True) -> None:
    """Adds --output."""
    command.add_argument(
        "-o", "--output", type=Path, required=required, help="the file to write, such as out.png"
    )
