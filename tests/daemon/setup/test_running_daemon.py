"""The end of the daemon before its program is replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from impasto_daemon.setup import running_daemon
from impasto_daemon.setup.running_daemon import stop_daemon
from impasto_shared.installation.environment import Environment


def test_daemon_that_ends_by_itself_meanwhile_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "daemon.lock"
    lock.write_text("4242\n")
    asked: list[int] = []

    def kill(pid: int, _signal: int) -> None:
        asked.append(pid)
        raise ProcessLookupError

    monkeypatch.setattr(running_daemon, "lock_path", lambda: lock)
    monkeypatch.setattr(running_daemon, "_is_daemon", lambda *_: not asked)
    monkeypatch.setattr(os, "kill", kill)

    stop_daemon(Environment(tmp_path))

    assert asked == [4242]
