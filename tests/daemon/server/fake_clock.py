"""A clock for tests: it advances only when told to."""

from __future__ import annotations


class FakeClock:
    """Returns `now_s` when called."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s
