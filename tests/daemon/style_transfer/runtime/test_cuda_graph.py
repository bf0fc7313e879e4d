"""Evaluations that cannot be recorded, on a simulated GPU; tests/gpu has a real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto_daemon.style_transfer.runtime.cuda_graph import CudaGraph

IMAGE = torch.full((1, 3, 4, 5), 0.5)


@contextmanager
def recording(*_: Any, **__: Any) -> Iterator[None]:
    """Simulates CUDA: ending a failed recording fails, too."""
    try:
        yield
    except BaseException as error:
        raise RuntimeError("operation failed due to a previous error during capture") from error


@pytest.fixture(autouse=True)
def simulated_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    STREAMS.clear()
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: "the usual stream")
    monkeypatch.setattr(torch.cuda, "set_stream", STREAMS.append)


STREAMS: list[object] = []
"""The streams that were made the current one."""


class Stopped(Exception):
    """The user has stopped the job."""


class Evaluation:
    """An evaluation that raises `error` at its second call."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.calls = 0

    def __call__(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        if self.calls == 2:
            raise self._error
        return rgb.sum(), 2 * rgb


def test_an_evaluation_that_cannot_be_recorded_is_called_each_time() -> None:
    evaluation = Evaluation(RuntimeError("operation not permitted when stream is capturing"))
    graph = CudaGraph(evaluation)

    results = [graph(factor * IMAGE) for factor in (1, 2, 3)]

    assert evaluation.calls == 4
    assert STREAMS[-1] == "the usual stream"
    for factor, (loss, gradient) in zip((1, 2, 3), results, strict=True):
        torch.testing.assert_close(loss, factor * IMAGE.sum())
        torch.testing.assert_close(gradient, 2 * factor * IMAGE)


@pytest.mark.parametrize(
    "error",
    [
        Stopped("now"),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: out of memory"),
    ],
)
def test_a_stop_and_too_little_memory_are_raised(error: Exception) -> None:
    graph = CudaGraph(Evaluation(error))
    graph(IMAGE)

    with pytest.raises(type(error), match=str(error)):
        graph(IMAGE)
