"""The configuration, the socket's folder, the authorised clients, and a daemon's answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto_daemon.commands.doctor import daemon
from impasto_daemon.commands.doctor.connection import Condition, NoAnswer
from impasto_daemon.commands.doctor.daemon import check_config, check_daemon
from impasto_daemon.commands.doctor.finding import Finding, State
from impasto_shared import __version__
from impasto_shared.connection.keys import keys_dir
from impasto_shared.errors import AccessDenied, DaemonUnavailable, ImpastoError
from impasto_shared.files.paths import jobs_dir, throughput_path
from impasto_shared.protocol.messages import StatusReport
from impasto_shared.protocol.reports import Metrics, WorkerReport


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
    ("error", "endpoint", "state", "text"),
    [
        (NoAnswer(Condition.ABSENT), "ipc:///nowhere", State.NOTE, "starts by itself"),
        (NoAnswer(Condition.ELSEWHERE, 77), "ipc:///nowhere", State.PROBLEM, "77 is your daemon"),
        (NoAnswer(Condition.SUSPENDED, 77), "ipc:///nowhere", State.PROBLEM, "77, is stopped"),
        (NoAnswer(Condition.BUSY, 77), "ipc:///nowhere", State.PROBLEM, "77, is too busy"),
        (NoAnswer(Condition.HUNG, 77), "ipc:///nowhere", State.PROBLEM, "77, does not answer"),
        (NoAnswer(Condition.UNKNOWN), "ipc:///nowhere", State.PROBLEM, "a program listens"),
        (DaemonUnavailable("It exited."), "ipc:///nowhere", State.PROBLEM, "It exited."),
        (DaemonUnavailable("No daemon."), "tcp://gpu:5570", State.PROBLEM, "no daemon"),
        (AccessDenied("Wrong key."), "tcp://gpu:5570", State.PROBLEM, "Wrong key."),
        (ImpastoError("Nonsense."), "ipc:///nowhere", State.PROBLEM, "nowhere: Nonsense."),
    ],
    ids=[
        *("none", "elsewhere", "stopped", "busy", "hangs", "unknown", "gone"),
        *("none-elsewhere", "denied", "other"),
    ],
)
def test_daemon_that_does_not_answer_is_explained(
    monkeypatch: pytest.MonkeyPatch, error: ImpastoError, endpoint: str, state: State, text: str
) -> None:
    def refuse(_endpoint: str) -> None:
        raise error

    monkeypatch.setattr(daemon, "connect_patiently", refuse)

    finding = finding_about("daemon", endpoint)

    assert finding.state is state
    assert text in finding.text
    # This advice would cost the jobs of a daemon that may be fine.
    assert "KILL" not in finding.remedy


class AnsweringClient:
    """A client of a daemon of this version with this problem of its disk."""

    def __init__(self, picture_problem: str | None) -> None:
        self._metrics = Metrics(picture_problem=picture_problem)

    def status(self) -> StatusReport:
        return StatusReport("1", 77, __version__, 1.0, WorkerReport(), metrics=self._metrics)

    def __enter__(self) -> AnsweringClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_daemon_that_cannot_store_jobs_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (None, "No space left on device"):
        client = AnsweringClient(text)
        monkeypatch.setattr(daemon, "connect_patiently", lambda _, c=client: c)
        findings = [entry for entry in check_daemon("ipc:///x") if entry.topic == "stored jobs"]
        assert [entry.state for entry in findings] == ([] if text is None else [State.PROBLEM])
        assert all("No space left on device" in entry.text for entry in findings)
        assert finding_about("daemon", "ipc:///x").state is State.OK


def test_damaged_list_of_jobs_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    folder = jobs_dir("ipc:///x")
    damaged = folder.with_name(f"{folder.name}.damaged-1")
    damaged.mkdir(parents=True)
    folder.mkdir()

    finding = finding_about("stored jobs", "ipc:///x")

    assert finding.state is State.NOTE
    assert str(damaged) in finding.text


def test_damaged_paces_are_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    throughput_path().parent.mkdir(parents=True)
    throughput_path().write_text('{"cpu": {"64": [1e999]}}')

    finding = finding_about("estimates")

    assert finding.state is State.NOTE
    assert str(throughput_path()) in finding.text


def test_damaged_key_is_named() -> None:
    keys_dir().mkdir(parents=True, mode=0o700)
    (keys_dir() / "client.secret").write_text("no key")
    (keys_dir() / "client.secret").chmod(0o600)

    finding = finding_about("client key")

    assert finding.state is State.PROBLEM
    assert "client.secret" in finding.text


def test_damaged_list_of_clients_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_LISTEN", "tcp://127.0.0.1:5571")
    keys_dir().mkdir(parents=True, mode=0o700)
    (keys_dir() / "known_clients").write_text("no key laptop\n")

    finding = finding_about("other machines")

    assert finding.state is State.PROBLEM
    assert "known_clients, line 1" in finding.text
