"""Fixtures of the tests of connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest


@pytest.fixture
def on() -> Iterator[ExitStack]:
    """The sockets that are open until the end of a test."""
    with ExitStack() as stack:
        yield stack
