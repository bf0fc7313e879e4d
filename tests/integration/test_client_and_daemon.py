"""A client and a real daemon in any order of requests, restarts and broken connections."""

from __future__ import annotations

import secrets
import signal
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.protocol.reports import JobState
from integration.daemon_process import DaemonProcess
from integration.scripted_jobs import last_report, submit
from integration.scripted_worker import invert
from integration.test_durability import numbered

REQUESTS = ["watch", "cancel", "keep", "fetch", "forget"]


@dataclass
class Expected:
    """A job as its client expects it.

    is_owed: whether it must be painted, since it is detached or its client has stayed.
    """

    number: int
    detached: bool
    is_owed: bool = True


class ClientAndDaemon(RuleBasedStateMachine):
    """Checks promises whenever a job is waited for, and at the end."""

    @initialize()
    def begin(self) -> None:
        self.daemon = DaemonProcess(is_scripted=True)
        self.daemon.start()
        self.client = self.daemon.client()
        self.jobs: dict[str, Expected] = {}
        self.count = 0

    @rule(detached=st.booleans(), steps=st.sampled_from([1, 90]))
    def submit(self, *, detached: bool, steps: int) -> None:
        self.count += 1
        job = submit(self.client, steps, content=numbered(self.count), detached=detached)
        self.jobs[job] = Expected(self.count, detached)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), request=st.sampled_from(["cancel", "forget", "keep", "fetch"]))
    def ask(self, data: st.DataObject, request: str) -> None:
        job = data.draw(st.sampled_from(list(self.jobs)), label="job")
        code = None
        try:
            getattr(self.client, request)(job)
        except DaemonError as error:
            code = error.code
        if self.jobs[job].is_owed:
            assert code in (None, ErrorCode.NOT_DONE)
        else:
            assert code in (None, ErrorCode.NOT_DONE, ErrorCode.UNKNOWN_JOB)
        if request in ("cancel", "forget"):
            self.jobs[job].is_owed = False

    @rule(request=st.sampled_from(REQUESTS))
    def ask_for_an_unknown_job(self, request: str) -> None:
        with pytest.raises(DaemonError) as caught:
            getattr(self.client, request)(secrets.token_hex(16))
        assert caught.value.code is ErrorCode.UNKNOWN_JOB

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def wait(self, data: st.DataObject) -> None:
        self.check(data.draw(st.sampled_from(list(self.jobs)), label="job"))

    @rule()
    def disconnect(self) -> None:
        self.client.close()
        self.client = self.daemon.client()
        self.give_up_attached_jobs()

    @rule(number=st.sampled_from([signal.SIGKILL, signal.SIGTERM]))
    def restart(self, number: signal.Signals) -> None:
        self.daemon.signal(number)
        self.client.close()
        self.daemon.start()
        self.client = self.daemon.client()
        self.give_up_attached_jobs()

    def give_up_attached_jobs(self) -> None:
        for expected in self.jobs.values():
            expected.is_owed = expected.is_owed and expected.detached

    def check(self, job: str) -> None:
        """Waits for a job, and checks its picture if the client may rely on it."""
        expected = self.jobs[job]
        if not expected.is_owed:
            with suppress(DaemonError):
                self.client.watch(job)
            return
        self.client.watch(job)
        final = last_report(self.client, job)
        if final.state is JobState.DONE:
            pixels = self.client.fetch(job).pixels
            assert bytes(pixels) == invert(numbered(expected.number)).pixels
        else:
            assert final.problem is not None, final
            assert "the daemon was killed 3 times" in final.problem.message

    def teardown(self) -> None:
        if not hasattr(self, "daemon"):
            return
        try:
            for job in self.jobs:
                self.check(job)
            self.client.close()
            assert self.daemon.signal(signal.SIGTERM) == 0
        finally:
            self.daemon.end()


@pytest.mark.timeout(3600)
def test_any_order_of_requests_and_restarts_keeps_the_promises(is_thorough: bool) -> None:
    run_state_machine_as_test(
        ClientAndDaemon,
        settings=settings(
            max_examples=300 if is_thorough else 5,
            stateful_step_count=25,
            derandomize=not is_thorough,
            phases=[Phase.generate],  # to shrink a failure would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
