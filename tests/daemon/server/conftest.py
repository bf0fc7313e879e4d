from __future__ import annotations

from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_daemon.server.jobs.results import Results


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def table(clock: FakeClock, tmp_path: Path) -> JobTable:
    """An empty table, which stores no job for the next daemon."""
    return JobTable(clock, Results(tmp_path / "results"))
