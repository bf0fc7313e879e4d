"""The command `impasto stop`, next to a daemon that starts or ends at the same time."""

from __future__ import annotations

import pytest

from impasto_daemon.commands.main import main
from impasto_daemon.server.process import ending, single_instance

PID = 4711


def stop(monkeypatch: pytest.MonkeyPatch, outcomes: list[OSError | None]) -> int | str | None:
    """Returns the exit status; the daemon ends once all outcomes of a request have been met."""
    remaining = list(outcomes)

    def request_end(pid: int) -> None:
        assert pid == PID
        if error := remaining.pop(0):
            raise error

    monkeypatch.setattr(ending, "request_end", request_end)
    for module in (single_instance, ending):
        monkeypatch.setattr(module, "lock_holder", lambda _: PID if remaining else None)
    with pytest.raises(SystemExit) as exit_:
        main(["stop"])
    assert not remaining
    return exit_.value.code


@pytest.mark.parametrize(
    "outcomes",
    [
        [None],
        [ProcessLookupError(3, "No such process")],
        [FileNotFoundError(2, "There is no such event"), None],
    ],
    ids=["asked", "gone meanwhile", "not ready at first"],
)
def test_daemon_ends(
    outcomes: list[OSError | None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert stop(monkeypatch, outcomes) == 0
    assert capsys.readouterr().out == f"The Impasto daemon has ended (process {PID}).\n"


def test_daemon_that_must_not_be_ended_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stop(monkeypatch, [PermissionError(1, "Operation not permitted")]) == 1
    assert "not permitted" in capsys.readouterr().err
