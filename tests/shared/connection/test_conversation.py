"""Requests to daemons that have exited; tests/integration has real ones that come back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from impasto_shared.client import Client
from impasto_shared.connection import conversation
from impasto_shared.errors import DaemonUnavailable
from integration.daemon_process import free_address
from shared.fake_daemon import LIMITS, daemon, welcome

LONG_S = 3600.0
"""Longer than this test may take."""


@contextmanager
def deserted(endpoint: str) -> Iterator[Client]:
    """Opens a client whose daemon has exited, and which has a long lease."""
    limits = replace(LIMITS, lease_s=LONG_S)
    with daemon(endpoint, lambda message: [replace(welcome(message), limits=limits)]):
        client = Client.connect(endpoint, name="test")
    with client:
        yield client


def test_request_for_the_state_of_a_daemon_does_not_wait_for_its_lease() -> None:
    with deserted(free_address()) as client, pytest.raises(DaemonUnavailable, match="answers at"):
        client.status(timeout_s=0.3)


def test_nothing_waits_for_the_next_daemon_on_this_machine_that_it_would_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation, "_SHORT_PATIENCE_S", 0.1)
    with (
        tempfile.TemporaryDirectory(prefix="impasto-test-") as folder,
        deserted(f"ipc://{folder}/daemon.sock") as client,
        pytest.raises(DaemonUnavailable, match="No Impasto daemon"),
    ):
        client.cancel("a" * 32)
