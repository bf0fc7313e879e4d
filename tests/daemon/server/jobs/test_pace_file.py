from __future__ import annotations

import json
from pathlib import Path

import pytest

from impasto_daemon.server.jobs.pace_file import read_paces

PACES = {"cpu vgg19": {"181": [1.0, 1.5], "512": [2.0]}, "cpu start": {"1": [0.5]}}


def read(folder: Path, text: str) -> tuple[object, bool]:
    """Returns the paces in a file with `text`, and whether anything is wrong with it."""
    file = folder / "pace.json"
    file.write_text(text)
    paces, problem = read_paces(file)
    return paces, bool(problem)


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    assert read_paces(tmp_path / "pace.json") == ({}, "")


def test_whole_file_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, json.dumps(PACES)) == (PACES, False)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[1]", "\0", "[" * 100_000, '{"a": ' * 100_000),
        *('{"cpu": 1}', '{"cpu": [1.0]}', '{"cpu": {"256": 1.0}}', '{"": {"256": [1.0]}}'),
        *(f'{{"cpu": {{"256": [{pace}]}}}}' for pace in ("null", "Infinity", "NaN", "1e308", "-1")),
        *(f'{{"cpu": {{"256": [{pace}]}}}}' for pace in ("0", "true", '"1.0"', "1" + "0" * 400)),
        *(f'{{"cpu": {{"{side}": [1.0]}}}}' for side in ("", "x", "-1", "0", "²", "9" * 5000)),
    ],
)
def test_damaged_file_gives_no_pace(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ({}, True)


def test_damaged_values_are_left_out_and_the_others_used(tmp_path: Path) -> None:
    text = json.dumps(PACES).replace("[", "[NaN, 1e99, ").replace('"181"', '"x": [1.0], "181"')

    assert read(tmp_path, text) == (PACES, True)
