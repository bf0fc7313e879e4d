"""The end of what was installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto_daemon.setup.removal import remove_downloads, say_what_stays


def test_downloads_of_the_plugin_are_removed_and_nothing_else(tmp_path: Path) -> None:
    names = ("uv-0.1/uv", "uv-0.2/uv.new", "uv-notes/mine.txt", "uv.whl.part", "program")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "uv-0.3").mkdir()  # of a download that never began

    remove_downloads(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["program", "uv-notes"]


def test_cache_of_uv_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "uv").mkdir()

    say_what_stays()

    assert f"{tmp_path}/uv: the packages that uv has downloaded" in capsys.readouterr().out
