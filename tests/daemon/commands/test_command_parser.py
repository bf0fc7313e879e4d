"""Options between the files of a command, and help texts."""

from __future__ import annotations

import pytest

from impasto_daemon.commands.command_parser import IntermixedParser, add_command, as_help


def new_parser() -> IntermixedParser:
    parser = IntermixedParser()
    subparsers = parser.add_subparsers()
    command = add_command(subparsers, "stylize", "repaint a photo", lambda _: 0)
    command.add_argument("photo")
    command.add_argument("paintings", nargs="*")
    command.add_argument("--size", type=int)
    command.add_argument("--weights", nargs="+", action="extend", type=float)
    command.add_argument("--masks", nargs="+", action="extend")
    return parser


@pytest.mark.parametrize(
    "line",
    [
        "stylize photo wave poppies --size 64",
        "stylize --size 64 photo wave poppies",
        "stylize photo --size 64 wave poppies",
        "stylize photo wave --size 64 poppies",
    ],
)
def test_options_stand_anywhere_between_the_files(line: str) -> None:
    options = new_parser().parse_args(line.split())

    assert (options.photo, options.paintings) == ("photo", ["wave", "poppies"])
    assert options.size == 64


@pytest.mark.parametrize("line", ["stylize -- -photo --wave", "stylize --size 64 -- -photo --wave"])
def test_names_with_a_dash_follow_two_dashes(line: str) -> None:
    options = new_parser().parse_args(line.split())

    assert (options.photo, options.paintings) == ("-photo", ["--wave"])


@pytest.mark.parametrize(
    "line",
    [
        "stylize --weights 2 1 photo wave poppies",
        "stylize photo --weights 2 1 wave poppies",
        "stylize photo wave poppies --weights 2 1",
        "stylize --weights 2 1 -- photo wave poppies",
        "stylize --weights 2 --weights 1 photo wave poppies",
        "stylize photo --weights 2 1 --size 64 wave poppies",
    ],
)
def test_numbers_of_an_option_end_at_the_first_name(line: str) -> None:
    options = new_parser().parse_args(line.split())

    assert options.weights == [2, 1]
    assert (options.photo, options.paintings) == ("photo", ["wave", "poppies"])


def test_number_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        new_parser().parse_args(["stylize", "photo", "wave", "--weights", "two"])

    assert "invalid float value: 'two'" in capsys.readouterr().err


def test_option_that_has_taken_the_files_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        new_parser().parse_args(["stylize", "--masks", "-", "photo", "wave"])

    assert "required: photo, paintings. --masks takes all names up to" in capsys.readouterr().err
    options = new_parser().parse_args(["stylize", "--masks", "-", "--", "photo", "wave"])
    assert (options.photo, options.paintings, options.masks) == ("photo", ["wave"], ["-"])


def test_option_that_is_given_several_times_loses_no_value() -> None:
    line = "stylize photo wave --masks a --masks b c --size 9"

    options = new_parser().parse_args(line.split())

    assert options.masks == ["a", "b", "c"]


def test_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        new_parser().parse_args(["stylize", "photo", "--sise", "64"])

    assert "unrecognized arguments: --sise" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["stylize", "photo", "--\x1b[2J\x07"], ["stylize", "photo", "--size", "\x9b1m"]],
)
def test_name_that_is_refused_cannot_control_the_terminal(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        new_parser().parse_args(arguments)

    assert not {"\x1b", "\x07", "\x9b"} & set(capsys.readouterr().err)


def test_description_is_the_summary_as_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        new_parser().parse_args(["stylize", "--help"])

    assert "\nRepaint a photo.\n" in capsys.readouterr().out


def test_help_of_a_setting_is_made_fit_for_argparse() -> None:
    assert as_help("Takes 20 % of the time") == "takes 20 %% of the time"
