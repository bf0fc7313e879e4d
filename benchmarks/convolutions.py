"""Compares Winograd's algorithm with torch's own convolutions: python -m benchmarks convolutions.

Processor time of one thread, which other programs disturb little. To measure a processor without
AVX-512 on one that has it, set ONEDNN_MAX_CPU_ISA=AVX2, MKL_ENABLE_INSTRUCTIONS=AVX2 and
ATEN_CPU_CAPABILITY=avx2. `docs/decisions/007-winograd-by-hand.md` says what follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.networks.winograd import Winograd
from record import Table

MEASURED = ("daemon/impasto_daemon/style_transfer/networks/winograd.py",)
# Channels and side: about those of the blocks of a VGG, for a picture of 512 pixels.
LAYERS = ((64, 256), (128, 128), (256, 64), (512, 32))
ROUNDS = 9

Convolve = Callable[[Tensor], Tensor]


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each layer: the shortest times of a forward pass, and their ratio."""
    del arguments
    torch.set_num_threads(1)
    rows = []
    for channels, side in LAYERS:
        weight = 0.05 * torch.randn(channels, channels, 3, 3)
        weight = weight.to(memory_format=torch.channels_last)
        bias = torch.zeros(channels)
        activation = torch.randn(1, channels, side, side).to(memory_format=torch.channels_last)
        convolutions = _torch(weight, bias), Winograd(weight, bias)
        torch_ms, ours_ms = _shortest_ms(convolutions, activation)
        times = f"{torch_ms:.1f} ms", f"{ours_ms:.1f} ms", f"{ours_ms / torch_ms:.2f}"
        rows.append((f"{channels} channels, {side} × {side}", *times))
    return Table(("Layer", "torch", "Winograd", "Ratio"), rows)


def _torch(weight: Tensor, bias: Tensor) -> Convolve:
    return lambda activation: functional.conv2d(activation, weight, bias, padding=1).relu_()


def _shortest_ms(convolutions: Sequence[Convolve], activation: Tensor) -> list[float]:
    with torch.no_grad():
        rounds = [
            [_seconds(convolution, activation) for convolution in convolutions]
            for _ in range(ROUNDS)
        ]
    return [1000 * min(times) for times in zip(*rounds, strict=True)]


def _seconds(convolution: Convolve, activation: Tensor) -> float:
    began_s = time.process_time()
    convolution(activation)
    return time.process_time() - began_s
