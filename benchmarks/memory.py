"""Compares the peak memory of painting with its estimate.

    python -m benchmarks memory CASE [CASE ...]

A case is WIDTHxHEIGHT or, with a memory limit, WIDTHxHEIGHT@GIGABYTES; :N sets the number of
evaluations, by default 8. Each case runs in a new process, as in the daemon's worker. On a GPU the
memory is that of the GPU.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import as_in_worker  # noqa: F401 - before torch

# isort: split
import logging

import torch

import device
import samples
from cases import Case, read_case
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.style import Style
from processes import peak_bytes
from record import Table


def paint(case: Case) -> dict[str, float | str]:
    """Paints the case; returns the seconds, the bytes and the plan of its finest scale."""
    photo = case.photo()
    style = Style(read_image(samples.painting("great_wave")))
    limit_bytes = math.inf if case.limit_gb is None else case.limit_gb * 1e9
    network = device.installed_network(case.settings.pooling)
    plan = case.plan(style.image, network)
    started_s = time.monotonic()
    stylize(network, photo, [style], case.settings, available_bytes=limit_bytes)
    return {
        "tiling": plan.tiling_text,
        "history": plan.history,
        "needed": plan.needed_bytes,
        "peak": _peak_bytes(),
        "seconds": time.monotonic() - started_s,
    }


def _peak_bytes() -> int:
    if device.DEVICE.type == "cuda":
        return torch.cuda.max_memory_reserved()
    return peak_bytes(os.getpid())


def main() -> None:
    """Paints the case that the command line names, and prints what it took."""
    logging.basicConfig(level=logging.WARNING)
    print(json.dumps(paint(read_case(sys.argv[1], evaluations=8))))


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each case."""
    rows = []
    for text in arguments:
        case = read_case(text, evaluations=8)
        child = [sys.executable, __file__, text]
        answer = subprocess.run(child, capture_output=True, text=True, check=True)  # noqa: S603
        row = json.loads(answer.stdout)
        cells = (
            case.name,
            case.limit,
            row["tiling"],
            str(row["history"]),
            f"{row['needed'] / 1e9:.2f} GB",
            f"{row['peak'] / 1e9:.2f} GB",
            f"{row['needed'] / row['peak'] - 1:+.0%}",
            f"{row['seconds']:.0f} s",
        )
        rows.append(cells)
    plan = ("Picture", "Limit", "Passes", "History")
    return Table((*plan, "Estimate", "Peak", "Difference", "Time"), rows)


if __name__ == "__main__":
    main()
