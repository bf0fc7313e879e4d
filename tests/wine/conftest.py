"""A Windows for the tests: Wine's, in which a CPython for Windows runs the daemon's sources."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from wine.wine import Wine, missing_part


@pytest.fixture(scope="module")
def wine() -> Iterator[Wine]:
    """Windows without a daemon, for one process of tests at a time."""
    if reason := missing_part():
        if os.environ.get("IMPASTO_REQUIRE_WINE"):
            pytest.fail(f"IMPASTO_REQUIRE_WINE asks for Wine, but {reason}")
        pytest.skip(reason)
    with Wine() as wine:
        yield wine
