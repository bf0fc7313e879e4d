"""The lock of the setup, held by other processes and lost with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from impasto_daemon.setup.lock import only_setup
from impasto_shared.errors import ImpastoError
from impasto_shared.files.paths import data_dir

_HOLDER = """
from impasto_daemon.setup.lock import only_setup
with only_setup():
    print("held", flush=True)
    input()
print("free", flush=True)
"""


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))


def holder() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-P", "-u", "-c", _HOLDER], stdin=pipe, stdout=pipe, text=True
    )


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_second_setup_waits_for_the_first() -> None:
    with holder() as first:
        assert next_line(first) == "held"
        with holder() as second:
            assert "waiting" in next_line(second)
            first.communicate("\n")
            assert next_line(second) == "held"
            second.communicate("\n")
    assert not data_dir().exists()


def test_killed_setup_holds_nothing() -> None:
    with holder() as first:
        assert next_line(first) == "held"
        first.kill()
        first.wait()
        with only_setup():
            assert data_dir().is_dir()


def test_program_of_a_killed_setup_is_waited_for(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    wait = f"echo held; while [ -e {hold} ]; do sleep 0.1; done"
    program = f"""
from impasto_daemon.setup.lock import only_setup
from impasto_daemon.setup.programs import run
with only_setup():
    run(["sh", "-c", {wait!r}])
"""
    command = [sys.executable, "-P", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as setup:
        assert next_line(setup) == "held"
        setup.kill()
        setup.wait()
        with holder() as next_one:
            assert "waiting" in next_line(next_one)
            hold.unlink()
            assert next_line(next_one) == "held"
            next_one.communicate("\n")


def test_folder_with_files_stays() -> None:
    with only_setup():
        (data_dir() / "program").touch()

    assert (data_dir() / "program").exists()


def test_file_in_its_place_is_explained() -> None:
    data_dir().touch()

    with pytest.raises(ImpastoError, match="cannot be used"), only_setup():
        pass
