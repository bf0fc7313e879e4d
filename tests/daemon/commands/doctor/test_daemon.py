"""The configuration, the socket's folder, the authorised clients, and a daemon's answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto_daemon.commands.doctor import daemon
from impasto_daemon.commands.doctor.daemon import check_config, check_daemon
from impasto_daemon.commands.doctor.finding import Finding, State
from impasto_shared.errors import AccessDenied, DaemonUnavailable, ImpastoError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder; the socket's folder would be run/impasto in it."""
    for variable in ("IMPASTO_ENDPOINT", "IMPASTO_LISTEN", "IMPASTO_SERVER_KEY"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path


def finding_about(topic: str, endpoint: str = "ipc:///nowhere") -> Finding:
    (finding,) = (entry for entry in check_daemon(endpoint) if entry.topic == topic)
    return finding


def test_options_that_are_not_defaults_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    default, _ = check_config()
    monkeypatch.setenv("IMPASTO_KEEP_MB", "7")

    changed, _ = check_config()

    assert default.text == "only the defaults"
    assert changed.text == "keep_mb = 7"


def test_broken_configuration_is_a_problem_and_the_usual_endpoint_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, usual = check_config()
    monkeypatch.setenv("IMPASTO_KEEP_MB", "-7")

    finding, endpoint = check_config()

    assert finding.state is State.PROBLEM
    assert "IMPASTO_KEEP_MB" in finding.text
    assert endpoint == usual


def test_folder_of_the_socket_is_made_private(home: Path) -> None:
    folder = home / "XDG_RUNTIME_DIR/impasto"
    folder.mkdir(parents=True, mode=0o755)
    folder.chmod(0o755)

    finding = finding_about("socket folder")

    assert finding.state is State.PROBLEM
    assert finding.fix is not None
    finding.fix()
    assert finding_about("socket folder").state is State.OK


def test_file_in_place_of_the_folder_is_a_problem(home: Path) -> None:
    (home / "XDG_RUNTIME_DIR").mkdir()
    (home / "XDG_RUNTIME_DIR/impasto").touch()

    assert "is not a folder of yours" in finding_about("socket folder").text


@pytest.mark.parametrize(
    ("error", "holder", "endpoint", "state", "text"),
    [
        (DaemonUnavailable("No daemon."), None, "ipc:///nowhere", State.NOTE, "starts by itself"),
        (DaemonUnavailable("No daemon."), 77, "ipc:///nowhere", State.PROBLEM, "process 77"),
        (DaemonUnavailable("No daemon."), 77, "tcp://gpu:5570", State.PROBLEM, "no daemon"),
        (AccessDenied("Wrong key."), None, "tcp://gpu:5570", State.PROBLEM, "Wrong key."),
        (ImpastoError("Nonsense."), None, "ipc:///nowhere", State.PROBLEM, "nowhere: Nonsense."),
    ],
    ids=["none", "hangs", "none-elsewhere", "denied", "other"],
)
def test_daemon_that_does_not_answer_is_explained(
    monkeypatch: pytest.MonkeyPatch,
    error: ImpastoError,
    holder: int | None,
    endpoint: str,
    state: State,
    text: str,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(daemon.Client, "connect", refuse)
    monkeypatch.setattr(daemon, "lock_holder", lambda _: holder)

    finding = finding_about("daemon", endpoint)

    assert finding.state is state
    assert text in finding.text
