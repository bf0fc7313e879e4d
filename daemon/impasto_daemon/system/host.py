"""The calls and constants of the operating system: those of `posix`, or of `windows`."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from impasto_daemon.system.windows import (
        CHILD_SIGNALS,
        LATER,
        NO_WAIT,
        STOP_SIGNALS,
        TERMINAL_SIGNALS,
        free_bytes,
        has_gpu_driver,
        is_killed,
        is_locked,
        lower_priority,
        most_descriptors,
        physical_bytes,
        prefer_to_kill_this,
        processor_ticks,
        processors,
        program_of,
        read_start,
        resident_bytes,
        set_limits,
        try_to_lock,
        write_start,
    )
else:
    from impasto_daemon.system.posix import (
        CHILD_SIGNALS,
        LATER,
        NO_WAIT,
        STOP_SIGNALS,
        TERMINAL_SIGNALS,
        free_bytes,
        has_gpu_driver,
        is_killed,
        is_locked,
        lower_priority,
        most_descriptors,
        physical_bytes,
        prefer_to_kill_this,
        processor_ticks,
        processors,
        program_of,
        read_start,
        resident_bytes,
        set_limits,
        try_to_lock,
        write_start,
    )

__all__ = [
    "CHILD_SIGNALS",
    "LATER",
    "NO_WAIT",
    "STOP_SIGNALS",
    "TERMINAL_SIGNALS",
    "free_bytes",
    "has_gpu_driver",
    "is_killed",
    "is_locked",
    "lower_priority",
    "most_descriptors",
    "physical_bytes",
    "prefer_to_kill_this",
    "processor_ticks",
    "processors",
    "program_of",
    "read_start",
    "resident_bytes",
    "set_limits",
    "try_to_lock",
    "write_start",
]
