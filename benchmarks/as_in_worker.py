"""Restarts the program that imports it with the environment of the daemon's worker.

It must be imported before torch, whose allocator reads the environment.
"""

from __future__ import annotations

import os
import sys

from impasto_daemon.worker.process import worker_environment

_DONE = "IMPASTO_BENCHMARK"

if _DONE not in os.environ:
    os.execve(  # noqa: S606 - this program
        sys.executable, [sys.executable, *sys.argv], {**worker_environment(), _DONE: "1"}
    )
