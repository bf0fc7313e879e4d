"""What becomes of an evaluation that cannot be recorded; the GPU is pretended (see tests/gpu)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto_daemon.style_transfer.runtime.cuda_graph import CudaGraph

PICTURE = torch.full((1, 3, 4, 5), 0.5)


@contextmanager
def recording(*_: Any, **__: Any) -> Iterator[None]:
    """As CUDA does: the end of a recording that has failed fails too."""
    try:
        yield
    except BaseException as error:
        raise RuntimeError("operation failed due to a previous error during capture") from error


@pytest.fixture(autouse=True)
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    STREAMS.clear()
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: "the usual stream")
    monkeypatch.setattr(torch.cuda, "set_stream", STREAMS.append)


STREAMS: list[object] = []
"""Those that were made the current one."""


class Stopped(Exception):
    """Somebody wants it to stop."""


class Evaluation:
    """Raises `error` when it is called for the second time."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.calls = 0

    def __call__(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        if self.calls == 2:
            raise self._error
        return rgb.sum(), 2 * rgb


def test_what_cannot_be_recorded_is_done_each_time() -> None:
    evaluation = Evaluation(RuntimeError("operation not permitted when stream is capturing"))
    replayed = CudaGraph(evaluation)

    found = [replayed(factor * PICTURE) for factor in (1, 2, 3)]

    assert evaluation.calls == 4
    assert STREAMS[-1] == "the usual stream"
    for factor, (loss, slope) in zip((1, 2, 3), found, strict=True):
        torch.testing.assert_close(loss, factor * PICTURE.sum())
        torch.testing.assert_close(slope, 2 * factor * PICTURE)


@pytest.mark.parametrize(
    "error",
    [
        Stopped("now"),
        torch.OutOfMemoryError("all is taken"),
        RuntimeError("CUDA error: out of memory"),
    ],
)
def test_a_stop_and_too_little_memory_are_told(error: Exception) -> None:
    replayed = CudaGraph(Evaluation(error))
    replayed(PICTURE)

    with pytest.raises(type(error), match=str(error)):
        replayed(PICTURE)
