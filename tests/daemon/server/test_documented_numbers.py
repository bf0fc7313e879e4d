"""The numbers in docs/service.md are those of the code: tests of it use its own names for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto_daemon.server.clients.subscriptions import UPDATE_INTERVAL_S
from impasto_daemon.server.dispatcher import STOP_GRACE_S
from impasto_daemon.server.front.process import MAX_RESTART_S
from impasto_daemon.server.jobs.job_table import MAX_KEPT_PICTURES, SYNC_DELAY_S
from impasto_daemon.server.jobs.stored_jobs import MAX_STARTS
from impasto_daemon.server.process.address_watch import RETRY_S
from impasto_daemon.server.stall_watch import IDLE_STALL_S, SHORTEST_STALL_S, SLOWEST
from impasto_daemon.system.log import LIMIT_BYTES
from impasto_shared.configuration.options import DaemonOptions

PAGE = Path(__file__).parents[3] / "docs/service.md"


@pytest.mark.parametrize(
    ("words", "is_true"),
    [
        ("After ten minutes without a job", DaemonOptions.idle_minutes == 10),
        ("replaced at one megabyte", LIMIT_BYTES == 2**20),
        ("binds it again within seconds", RETRY_S <= 5),
        ("within 5 seconds even if it ends again and again", MAX_RESTART_S == 5),
        ("more than ten times as long as expected", SLOWEST == 10),
        ("and at least a minute", SHORTEST_STALL_S == 60),
        ("no processor time for four minutes", 2 * IDLE_STALL_S == 240),
        ("also the 150th", MAX_KEPT_PICTURES >= 150),
        ("cancelled within two seconds", UPDATE_INTERVAL_S + STOP_GRACE_S < 2),
        ("continues for a minute (`lease_seconds`", DaemonOptions.lease_seconds == 60),
        ("two seconds after its end", SYNC_DELAY_S == 2),
        ("killed, three times", MAX_STARTS == 3),
    ],
)
def test_number_is_that_of_the_code(words: str, *, is_true: bool) -> None:
    assert words in " ".join(PAGE.read_text().split())
    assert is_true
