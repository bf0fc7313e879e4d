"""The end of what was installed."""

from __future__ import annotations

from pathlib import Path

from impasto_daemon.setup.removal import remove_downloads


def test_downloads_of_the_plugin_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in ("uv-0.1/uv", "uv-notes/mine.txt", "uv.whl.part", "program"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    remove_downloads(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["program", "uv-notes"]
