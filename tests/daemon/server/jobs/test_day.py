"""A day of a table and its journal, with a clock of its own: all of it is bounded and right."""

from __future__ import annotations

import random
from pathlib import Path

from daemon.server.jobs.test_jobs_with_journal import BROKEN, Daemon, picture, submission
from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.job_table import MAX_ENDED_REPORTS, Retention
from impasto_shared.protocol.reports import JobState

HOUR_S = 3600.0
KEPT = Retention(6 * HOUR_S)
JOB_EVERY_S = 240.0


class Day:
    """Jobs that come, are painted, fetched, forgotten, and expire; the daemon is restarted too."""

    def __init__(self, folder: Path) -> None:
        self.chance = random.Random(24)
        self.daemon = Daemon(folder)
        self.daemon.table.retention = KEPT
        self.kept: dict[str, tuple[int, float]] = {}
        """The number of each picture that was not forgotten, and the time at which it was done."""
        self.count = 0

    def pass_hour(self) -> None:
        for _ in range(int(HOUR_S / JOB_EVERY_S)):
            self.submit()
            self.daemon.pass_time(JOB_EVERY_S / 2)
            self.paint()
            self.daemon.pass_time(JOB_EVERY_S / 2)
            self.daemon.table.expire()
            self.forget()

    def submit(self) -> None:
        self.count += 1
        detached = self.chance.random() < 0.5
        client = Origin(self.count.to_bytes(4), "script")
        self.daemon.table.submit(submission(self.count, detached=detached), client)
        self.daemon.settle()

    def paint(self) -> None:
        job = self.daemon.run_next()
        assert job is not None
        number = int.from_bytes(bytes(self.daemon.table.start(job).content.pixels))
        for step in range(1, 6):
            self.daemon.pass_time(1)
            self.daemon.table.advance(job, step, 5, 0.5, step / 5)
        self.end(job, number)
        self.daemon.settle()

    def end(self, job: Job, number: int) -> None:
        match self.chance.randrange(6):
            case 0:
                self.daemon.table.fail(job, BROKEN)
            case 1:
                self.daemon.table.cancel(job)
            case _:
                self.daemon.table.finish(job, picture(number))
                self.kept[job.name] = number, self.daemon.clock()

    def forget(self) -> None:
        if self.kept and self.chance.random() < 0.3:
            name = self.chance.choice(list(self.kept))
            del self.kept[name]
            self.daemon.table.forget(self.daemon.table.find(name))

    def restart(self) -> None:
        self.daemon.settle()
        (self.daemon.kill if self.chance.random() < 0.5 else self.daemon.shut_down)()
        self.daemon.start()
        self.daemon.table.retention = KEPT
        self.daemon.table.expire()

    def check(self) -> None:
        """Checks that exactly the pictures that are due are there, and nothing else."""
        now_s = self.daemon.clock()
        self.kept = {
            name: (number, done_s)
            for name, (number, done_s) in self.kept.items()
            if now_s - done_s <= KEPT.seconds
        }
        table = self.daemon.table
        table.expire()
        self.daemon.settle()
        pictures = {job.name for job in table.all if job.picture is not None}
        assert pictures == self.kept.keys()
        for name, (number, _) in self.kept.items():
            assert bytes(table.fetch(name).pixels) == picture(number).pixels
        assert len(self.daemon.files) == len(self.kept)
        assert len(table.all) <= len(self.kept) + MAX_ENDED_REPORTS
        assert not [job for job in table.all if job.submission is not None]


def test_day_of_jobs_leaves_only_the_pictures_that_are_due(tmp_path: Path) -> None:
    day = Day(tmp_path / "jobs" / "0123")
    for hour in range(24):
        day.pass_hour()
        day.check()
        if hour % 5 == 4:
            day.restart()
            day.check()
    assert len(day.kept) > 20

    day.daemon.pass_time(KEPT.seconds + 1)
    day.daemon.table.expire()
    day.check()
    assert day.kept == {}
    assert {job.state for job in day.daemon.table.all} >= {JobState.DONE, JobState.FAILED}
    rows = day.daemon.journal._database.rows()
    assert len(rows) <= MAX_ENDED_REPORTS
    day.daemon.table.close()
