"""Starting the daemon on demand, with programs of the test's choice in its place."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_shared import launcher
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.launcher import connect_or_start, find_impasto


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder with a short path, and nothing of Impasto in it or on the PATH."""
    with tempfile.TemporaryDirectory(prefix="impasto-test-") as folder:
        for name, value in {
            "XDG_DATA_HOME": f"{folder}/data",
            "XDG_STATE_HOME": f"{folder}/state",
            "PATH": folder,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("IMPASTO_COMMAND", raising=False)
        yield Path(folder)


def program(path: Path, text: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_program_of_the_environment_goes_before_the_one_on_the_path(home: Path) -> None:
    on_the_path = program(home / "impasto")
    assert find_impasto() == [str(on_the_path)]

    installed = program(home / "data/impasto/venv/bin/impasto")

    assert find_impasto() == [str(installed)]


def test_program_that_is_named_goes_before_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(home / "impasto")
    monkeypatch.setenv("IMPASTO_COMMAND", "/opt/impasto")

    assert find_impasto() == ["/opt/impasto"]


def test_missing_program_is_said_to_be_missing_and_how_to_get_it(home: Path) -> None:
    with pytest.raises(DaemonUnavailable, match=r"Run \./install\.sh demo"):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test")


def test_program_that_cannot_be_run_is_reported(home: Path) -> None:
    broken = home / "broken"
    broken.write_text("")

    with pytest.raises(DaemonUnavailable, match=r"could not be started: .*Permission denied"):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(broken)])


def test_daemon_that_ends_at_once_is_reported_with_its_last_words(home: Path) -> None:
    failing = program(home / "failing", "echo first; echo the last word >&2; exit 3")

    with pytest.raises(DaemonUnavailable, match="the last word") as caught:
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(failing)])

    assert str(home / "state/impasto/daemon.log") in str(caught.value)


def test_daemon_that_never_answers_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "START_TIMEOUT_S", 0.3)
    silent = program(home / "silent", "echo another is running")

    with pytest.raises(DaemonUnavailable, match=r"did not answer within .*another is running"):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(silent)])


def test_daemon_at_a_chosen_address_is_not_started(home: Path) -> None:
    started = home / "started"
    starting = program(home / "starting", f"touch {started}")

    with pytest.raises(DaemonUnavailable, match="impasto serve"):
        connect_or_start("tcp://127.0.0.1:39209", name="test", command=lambda: [str(starting)])

    assert not started.exists()


def test_daemon_is_started_without_the_hosts_python_variables(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    variables = program(
        home / "variables", f"{sys.executable} -c 'print(\"started well\")'; exit 3"
    )

    with pytest.raises(DaemonUnavailable, match="started well"):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(variables)])


@pytest.mark.parametrize(
    ("given", "held"), [(None, "glibc.malloc.hugetlb=1"), ("glibc.malloc.check=0",) * 2]
)
def test_daemon_is_started_with_large_pages_unless_the_user_says_how(
    home: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, held: str
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if given is not None:
        monkeypatch.setenv("GLIBC_TUNABLES", given)
    telling = program(home / "telling", 'echo "it has $GLIBC_TUNABLES."; exit 3')

    with pytest.raises(DaemonUnavailable, match=rf"it has {held}\."):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(telling)])
