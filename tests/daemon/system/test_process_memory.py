import errno
import math
import os
from pathlib import Path

import pytest

from impasto_daemon.system import process_memory
from impasto_daemon.system.process_memory import available_bytes, may_have_gpu, resident_bytes

# No process has it: Linux allows ids up to 2**22.
NO_PID = 2**30


def test_this_process_has_some_memory() -> None:
    resident = resident_bytes(os.getpid())

    assert resident is not None
    assert 2**20 < resident < 2**40


def test_the_memory_of_no_process_is_unknown() -> None:
    assert resident_bytes(NO_PID) is None


def test_a_process_may_keep_the_memory_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: "MemTotal: 9 kB\nMemAvailable:  1000 kB")
    monkeypatch.setattr(process_memory, "resident_bytes", lambda _: 24_000)

    assert available_bytes() == pytest.approx(0.85 * 1_024_000)
    assert available_bytes(os.getpid()) == pytest.approx(0.85 * 1_048_000)
    assert available_bytes(os.getpid(), os.getppid()) == pytest.approx(0.85 * 1_072_000)


def test_memory_is_infinite_if_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_bytes(NO_PID) == math.inf

    monkeypatch.setattr(Path, "read_text", lambda _: "")
    assert available_bytes() == math.inf


def test_a_gpu_is_recognised_by_its_device_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "nvidia0"
    monkeypatch.setattr(process_memory, "GPU_DEVICES", [device])

    assert not may_have_gpu()
    device.touch()
    assert may_have_gpu()


def test_device_file_that_cannot_be_examined_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(process_memory, "GPU_DEVICES", [Path("/dev/null")])
    monkeypatch.setattr(os, "stat", fail)

    assert not may_have_gpu()
