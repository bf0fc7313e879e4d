"""The allocator is tried in a process of its own, whose memory nothing else changes."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from impasto_daemon.system.malloc import KEEP_FREED_MEMORY, is_kept

PROGRAM = """
import contextlib, os, sys
from impasto_daemon.system.malloc import (
    LARGE_BYTES, keep_freed_memory, release_freed_memory, trim_large_blocks
)
from impasto_daemon.system.process_memory import resident_bytes

def freed_bytes(after_freeing=lambda: None):
    blocks = [bytearray(2 * LARGE_BYTES) for _ in range(4)]
    used = resident_bytes(os.getpid())
    blocks.clear()
    after_freeing()
    return used - resident_bytes(os.getpid())

with {context}:
    print(freed_bytes({after_freeing}) > 3 * 2 * LARGE_BYTES)
"""


def returns_memory(
    environment: Mapping[str, str], context: str = "contextlib.nullcontext()", then: str = ""
) -> bool:
    program = PROGRAM.format(context=context, after_freeing=then)
    usual = {name: value for name, value in os.environ.items() if name not in KEEP_FREED_MEMORY}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**usual, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout == "True\n"


def test_freed_memory_is_kept_if_the_environment_says_so() -> None:
    assert not returns_memory(KEEP_FREED_MEMORY)
    assert returns_memory({})


def test_freed_memory_is_kept_from_the_moment_when_that_is_asked_for() -> None:
    keeping = "contextlib.nullcontext(keep_freed_memory())"

    assert not returns_memory({}, context=keeping)
    assert returns_memory({}, context=keeping, then="release_freed_memory")


def test_large_blocks_are_returned_at_once_if_asked_for() -> None:
    assert returns_memory(KEEP_FREED_MEMORY, context="trim_large_blocks()")
    assert returns_memory({}, context="trim_large_blocks()")


def test_freed_memory_can_be_released() -> None:
    assert returns_memory(KEEP_FREED_MEMORY, then="release_freed_memory")


@pytest.mark.parametrize(("value", "expected"), [("0", True), ("7", False), (None, False)])
def test_a_process_knows_whether_it_keeps_memory(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: bool
) -> None:
    for name in KEEP_FREED_MEMORY:
        monkeypatch.delenv(name, raising=False)
    if value is not None:
        monkeypatch.setenv("MALLOC_MMAP_MAX_", value)

    assert is_kept() == expected
