"""The connection: to the configured daemon, under a name that its users recognise."""

import pytest

from impasto_gimp.jobs.connection import connect
from impasto_shared import launcher


def test_connects_to_the_configured_daemon_as_gimp(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def connect_or_start(endpoint: str, **options: object) -> str:
        calls.append((endpoint, options["name"]))
        return "client"

    monkeypatch.setattr(launcher, "connect_or_start", connect_or_start)
    monkeypatch.setenv("IMPASTO_ENDPOINT", "tcp://192.0.2.1:5000")

    assert connect(while_waiting=lambda: None) == "client"  # type: ignore[comparison-overlap]
    assert calls == [("tcp://192.0.2.1:5000", "GIMP")]
