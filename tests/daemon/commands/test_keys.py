"""This machine's keys, and the clients that its daemon authorises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from impasto_daemon.commands.main import main

KEY = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder without keys."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as exit_:
        main(["keys", *arguments])
    return exit_.value.code


def test_keys_are_made_once_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    first = capsys.readouterr().out
    run()

    shown = r"^(?:Client key|Daemon's key \(server_key\)): ([0-9a-f]{64})$"
    assert len(set(re.findall(shown, first, re.MULTILINE))) == 2
    assert "No client on another machine is authorised." in first
    assert capsys.readouterr().out == first


def test_added_client_is_listed_until_it_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "laptop", KEY) == 0
    run()
    with_client = capsys.readouterr().out
    assert run("remove", "laptop") == 0
    run()

    assert with_client.endswith(f"Authorised clients:\n  {KEY}  laptop\n")
    assert "laptop" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [("add", "laptop", "short"), ("remove", "laptop")], ids=["bad-key", "unknown"]
)
def test_impossible_change_is_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    assert capsys.readouterr().err.startswith("impasto: ")
