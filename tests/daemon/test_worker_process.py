from pathlib import Path

import pytest

from impasto_daemon.worker_process import worker_environment


def test_worker_has_the_daemons_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_TRIED", str(Path.home()))

    assert worker_environment()["IMPASTO_TRIED"] == str(Path.home())


def test_worker_keeps_memory_unless_the_user_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_MMAP_MAX_", raising=False)
    kept = worker_environment()["MALLOC_MMAP_MAX_"]
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "7")

    assert (kept, worker_environment()["MALLOC_MMAP_MAX_"]) == ("0", "7")
