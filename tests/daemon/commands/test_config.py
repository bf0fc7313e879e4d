"""The configuration as it is shown and as a file to edit."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from impasto_daemon.commands.config import commented_file
from impasto_daemon.commands.main import main
from impasto_shared.configuration.options import OPTIONS, values_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without a configuration file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)
    return tmp_path


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as exit_:
        main(["config", *arguments])
    return exit_.value.code


def test_file_is_all_comments_of_a_width_to_read() -> None:
    lines = commented_file().splitlines()

    assert all(line.startswith(("#", "[")) or not line for line in lines)
    assert max(map(len, lines)) <= 90
    assert tomllib.loads(commented_file()) == {"daemon": {}, "client": {}}


def test_every_option_is_explained_with_its_values() -> None:
    text = " ".join(commented_file().replace("\n# ", " ").split())

    for option in OPTIONS:
        assert f"{option.setting.help}. Values: {values_of(option)}." in text


def test_missing_file_can_be_created(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    without_file = capsys.readouterr().out
    run("--init")
    run()

    path = home / "impasto/config.toml"
    assert without_file.startswith(f"# {path} does not exist.\n")
    assert "impasto config --init" in without_file
    assert f"\n# {path}\n" in capsys.readouterr().out
    assert path.read_text() == commented_file()


def test_file_is_never_overwritten(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--init")
    (home / "impasto/config.toml").write_text("[daemon]\n")

    assert run("--init") == 1
    assert "exists already" in capsys.readouterr().err
    assert (home / "impasto/config.toml").read_text() == "[daemon]\n"


def test_source_of_each_value_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_KEEP_MB", "7")

    run()

    lines = capsys.readouterr().out.splitlines()
    assert [line.split("#")[1].strip() for line in lines if line.startswith("keep_mb")] == [
        "IMPASTO_KEEP_MB"
    ]
