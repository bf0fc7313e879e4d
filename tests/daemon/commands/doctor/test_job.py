"""The check that a daemon could be started; tests/integration/test_doctor.py has one paint."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.finding import State
from impasto_daemon.commands.doctor.job import check_job


def listen(path: Path) -> None:
    plain = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    plain.bind(str(path))
    plain.detach()  # until the end of this process


IN_THE_WAY: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a lock that is a folder": ("daemon.lock", Path.mkdir),
    "a lock that is a link": ("daemon.lock", lambda path: path.symlink_to("/dev/null")),
    "an address' lock that is a folder": ("daemon.sock.lock", Path.mkdir),
    "a file": ("daemon.sock", Path.touch),
    "a pipe": ("daemon.sock", os.mkfifo),
    "another program": ("daemon.sock", listen),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "impasto"


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_keeps_a_daemon_from_starting_is_a_problem(folder: Path, kind: str) -> None:
    folder.mkdir(mode=0o700)
    name, make = IN_THE_WAY[kind]
    make(folder / name)

    (finding,) = check_job(f"ipc://{folder}/daemon.sock")

    assert finding.state is State.PROBLEM
    assert f"no daemon can be started: {folder / name}" in finding.text.replace(
        "Another program serves at ", ""
    )


def test_folder_that_others_can_enter_is_a_problem(folder: Path) -> None:
    folder.mkdir(mode=0o755)

    (finding,) = check_job(f"ipc://{folder}/daemon.sock")

    assert "chmod 700" in finding.text


@pytest.mark.parametrize("is_used", [True, False])
def test_check_without_a_problem_finds_and_changes_nothing(folder: Path, *, is_used: bool) -> None:
    if is_used:
        folder.mkdir(mode=0o700)
        (folder / "daemon.lock").write_text("1\n")
        with socket.socket(socket.AF_UNIX) as crashed:
            crashed.bind(str(folder / "daemon.sock"))
    before = sorted(folder.parent.rglob("*"))

    assert list(check_job(f"ipc://{folder}/daemon.sock")) == []

    assert sorted(folder.parent.rglob("*")) == before
