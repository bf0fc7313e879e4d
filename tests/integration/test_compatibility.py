"""Clients and daemons of this and of the previous release, with each other."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from compatibility.conversation import HEIGHT, WIDTH
from compatibility.release_under_test import VERSION, run_script, unpack_release
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import ROOT, DaemonProcess, picture

NOW = {"PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / 'daemon'}"}


@pytest.fixture
def release(tmp_path: Path) -> Mapping[str, str]:
    """The variables with which Python imports the previous release."""
    return unpack_release(tmp_path / "release")


def conversation(daemon: DaemonProcess, variables: Mapping[str, str]) -> dict[str, Any]:
    painted = daemon.folder / "painted"
    answers: dict[str, Any] = json.loads(
        run_script("conversation.py", daemon.endpoint, str(painted), variables=variables)
    )
    assert answers["client"].startswith(variables["PYTHONPATH"].partition(":")[0])
    answers["painted"] = painted.read_bytes()
    return answers


def check(answers: dict[str, Any]) -> None:
    assert answers["limits"] >= 8
    assert answers["needed_bytes"] > 0
    assert answers["missing"] == "unknown-job"
    assert (answers["done"], answers["larger"], answers["kept"]) == ("done",) * 3
    assert answers["cancelled"] == "cancelled"
    assert answers["size"] == [WIDTH, HEIGHT]
    assert answers["curve"] == [1, 2, 3]
    assert answers["watched"] == "conversation"
    assert answers["detached"] is True
    assert answers["preview"][0] <= 32
    assert answers["jobs"] == 4
    assert answers["forgotten"] == "unknown-job"
    assert isinstance(answers["models"], list)


def test_client_of_the_previous_release_makes_every_request(release: Mapping[str, str]) -> None:
    with DaemonProcess(is_scripted=True) as daemon:
        check(conversation(daemon, release))


def test_daemon_of_the_previous_release_answers_every_request_and_leaves_its_jobs_to_this_one(
    release: Mapping[str, str],
) -> None:
    with DaemonProcess(variables=release) as daemon:
        with daemon.client() as client:
            status = client.status()
        answers = conversation(daemon, NOW)
        with daemon.client() as client:
            waiting = client.submit(
                picture(),
                [Style(picture())],
                StyleSettings(iterations=10_000, size=64),
                detached=True,
            )
        daemon.signal(signal.SIGTERM)
        daemon.variables = {}
        daemon.start()
        with daemon.client() as client:
            kept = bytes(client.fetch(answers["job"]).pixels)
            client.watch(waiting)
            running = next(r for r in client.updates(waiting) if r.state is JobState.RUNNING)
            client.cancel(waiting)

    assert status.version == VERSION
    check(answers)
    assert kept == answers["painted"]
    assert (running.client, running.detached) == ("test", True)
