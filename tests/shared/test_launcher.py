"""Start of the daemon on demand, with scripts of the test in place of the daemon."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_shared import launcher
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.launcher import connect_or_start, find_impasto


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder with a short path; Impasto is neither in it nor on the PATH."""
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


def test_installed_program_takes_precedence_over_the_path(home: Path) -> None:
    on_the_path = program(home / "impasto")
    assert find_impasto() == [str(on_the_path)]

    installed = program(home / "data/impasto/venv/bin/impasto")

    assert find_impasto() == [str(installed)]


def test_configured_program_takes_precedence_over_all(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(home / "impasto")
    monkeypatch.setenv("IMPASTO_COMMAND", "/opt/impasto")

    assert find_impasto() == ["/opt/impasto"]


def test_missing_program_is_reported_with_the_command_to_install_it(home: Path) -> None:
    with pytest.raises(DaemonUnavailable, match=r"Press Install… .* run \./install\.sh demo"):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test")


def test_sandbox_without_a_program_is_told_to_have_it_started_outside(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLATPAK_ID", "org.gimp.GIMP")

    with pytest.raises(DaemonUnavailable, match=r"sandbox.*impasto setup --service, or"):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test")


def test_program_that_cannot_be_executed_is_reported(home: Path) -> None:
    broken = home / "broken"
    broken.write_text("")

    with pytest.raises(DaemonUnavailable, match=r"could not be started: .*Permission denied"):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(broken)])


def test_daemon_that_exits_at_once_is_reported_with_its_last_line(home: Path) -> None:
    failing = program(home / "failing", "echo first; echo the last line >&2; exit 3")

    with pytest.raises(DaemonUnavailable, match="the last line") as caught:
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(failing)])

    assert str(home / "state/impasto/daemon.log") in str(caught.value)


def test_daemon_that_never_answers_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "START_TIMEOUT_S", 0.3)
    silent = program(home / "silent", "echo another is running")

    with pytest.raises(DaemonUnavailable, match=r"did not answer within .*another is running"):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(silent)])


@pytest.mark.parametrize("is_left", [False, True])
def test_daemon_that_systemd_starts_is_waited_for_and_not_started_twice(
    home: Path, monkeypatch: pytest.MonkeyPatch, is_left: bool
) -> None:
    monkeypatch.setattr(launcher, "START_TIMEOUT_S", 0.3)
    starting = program(home / "starting", f": >{home}/started")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{home}/daemon.sock")
        listener.listen()

        def leave() -> None:
            if is_left:  # what systemd does with a service that fails again and again
                listener.close()

        with pytest.raises(DaemonUnavailable):
            connect_or_start(
                f"ipc://{home}/daemon.sock",
                name="test",
                command=lambda: [str(starting)],
                while_waiting=leave,
            )

    assert (home / "started").exists() is is_left


def test_daemon_at_a_tcp_address_is_not_started(home: Path) -> None:
    started = home / "started"
    starting = program(home / "starting", f": >{started}")

    with pytest.raises(DaemonUnavailable, match="impasto serve"):
        connect_or_start("tcp://127.0.0.1:39209", name="test", command=lambda: [str(starting)])

    assert not started.exists()


@pytest.mark.parametrize(
    "variable",
    [
        *("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE"),
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    ],
)
def test_daemon_is_started_without_what_gimps_package_sets_for_its_programs(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "")  # as empty it harms no program that is started here
    monkeypatch.setenv("http_proxy", "")
    printing = program(
        home / "printing", f'echo "it has ${{{variable}-no}} ${{http_proxy-no}}."; exit 3'
    )

    with pytest.raises(DaemonUnavailable, match=r"it has no \."):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(printing)])


@pytest.mark.parametrize(
    ("configured", "effective"), [(None, "glibc.malloc.hugetlb=1"), ("glibc.malloc.check=0",) * 2]
)
def test_daemon_is_started_with_huge_pages_unless_configured_otherwise(
    home: Path, monkeypatch: pytest.MonkeyPatch, configured: str | None, effective: str
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if configured is not None:
        monkeypatch.setenv("GLIBC_TUNABLES", configured)
    printing = program(home / "printing", 'echo "it has $GLIBC_TUNABLES."; exit 3')

    with pytest.raises(DaemonUnavailable, match=rf"it has {effective}\."):
        connect_or_start(f"ipc://{home}/daemon.sock", name="test", command=lambda: [str(printing)])
