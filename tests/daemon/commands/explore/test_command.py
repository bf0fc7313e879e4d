import argparse
from pathlib import Path

import pytest

from impasto_daemon.commands.command_parser import IntermixedParser
from impasto_daemon.commands.explore import command
from impasto_shared.errors import InvalidImage, InvalidSettings
from integration.daemon_process import ROOT

PHOTO = ROOT / "assets/photos/chelsea.jpg"


def options(*arguments: object) -> argparse.Namespace:
    parser = IntermixedParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["explore", *map(str, arguments)])


def test_a_painting_and_all_options_but_the_folder_may_be_left_out(tmp_path: Path) -> None:
    parsed = options(PHOTO, "-o", tmp_path)

    assert (parsed.photo, parsed.painting, parsed.output) == (PHOTO, None, tmp_path)
    assert (parsed.only, parsed.size, parsed.quick, parsed.model) == (None, None, False, "vgg19")


def test_only_networks_with_layers_of_a_vgg_can_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        options(PHOTO, "-o", tmp_path, "--model", "resnet50")


@pytest.mark.parametrize(("name", "model"), [("auto", "vgg19"), ("vgg16", "vgg16")])
def test_network_may_have_a_name_of_an_earlier_version(
    tmp_path: Path, name: str, model: str
) -> None:
    assert options(PHOTO, "-o", tmp_path, "--model", name).model == model


def test_text_that_cannot_be_a_networks_name_is_refused_as_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options(PHOTO, "-o", tmp_path, "--model", "VGG 19")

    assert "--model: Model must be one of vgg19, " in capsys.readouterr().err


# Without a daemon: these are found out before one is needed.


def test_an_unknown_sheet_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="There is no sheet 'colours'"):
        command.run(options(PHOTO, "-o", tmp_path, "--only", "content,colours"))


def test_a_sheet_that_needs_a_painting_is_refused_without_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="The sheet style needs a painting"):
        command.run(options(PHOTO, "-o", tmp_path, "--only", "style"))


def test_an_unreadable_photo_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage):
        command.run(options(tmp_path / "absent.jpg", "-o", tmp_path / "out"))

    assert not (tmp_path / "out").exists()
