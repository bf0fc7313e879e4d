"""The command `impasto keep`, with a client of a pretended daemon."""

from __future__ import annotations

import pytest

from impasto_daemon.commands.jobs import keep
from impasto_daemon.commands.main import new_parser
from impasto_shared.client import Client
from impasto_shared.protocol.reports import JobReport, JobState


class FakeClient:
    """A client of a daemon with one running job."""

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def jobs(self) -> list[JobReport]:
        return [JobReport("abc123", JobState.RUNNING)]

    def keep(self, job: str) -> JobReport:
        return JobReport(job, JobState.DONE, width=64, height=48)


def test_job_is_named_by_its_beginning_and_its_state_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Client, "connect", lambda *_, **__: FakeClient())

    assert keep.run(new_parser().parse_args(["keep", "abc"])) == 0
    assert capsys.readouterr().out == "abc123  done       64 × 48\n"
