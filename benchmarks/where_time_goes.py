"""Measures the time of each part of painting: python -m benchmarks where_time_goes [SIZE].

The second good picture that the process paints. Each part synchronises with the device before its
clock starts and before it stops, so that the work of a GPU counts for the part that launched it;
this slows everything down a little. A part within another one does not count for the outer one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch

import device
import samples
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.style_transfer import optimize, stylize
from impasto_daemon.style_transfer.images.pixels import from_image, resize, to_image
from impasto_daemon.style_transfer.losses.objective import Objective
from impasto_daemon.style_transfer.optimize import Optimisation
from impasto_daemon.style_transfer.optimizers.lbfgs import LBFGS
from impasto_daemon.style_transfer.optimizers.preconditioner import Preconditioner
from impasto_daemon.style_transfer.runtime.cuda_graph import CudaGraph
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from record import Table

PARTS: tuple[tuple[object, str, str], ...] = (
    (optimize, "build_objective", "content and style targets"),
    (CudaGraph, "_recorded", "rest of the capture"),
    (CudaGraph, "__call__", "replayed evaluations"),
    (Objective, "__call__", "first and captured evaluations: losses"),
    (torch.autograd, "grad", "first and captured evaluations: gradients"),
    (Preconditioner, "apply", "preconditioner, apply"),
    (Preconditioner, "update", "preconditioner, update"),
    (LBFGS, "_direction", "rest of the L-BFGS direction"),
    (LBFGS, "_remember", "storing a step"),
    (Optimisation, "run", "rest of a scale"),
    (stylize, "stylize", "resizing, colours, conversion to bytes"),
)


class Clock:
    """The seconds of each part, without the parts within it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._within = [0.0]

    def watch(self, owner: object, name: str, part: str) -> None:
        """Counts each call of `owner.name` as `part` from now on."""
        called: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            _wait()
            started_s = time.monotonic()
            self._within.append(0.0)
            try:
                return called(*arguments, **options)
            finally:
                _wait()
                total_s = time.monotonic() - started_s
                own_s = total_s - self._within.pop()
                self._within[-1] += total_s
                self.seconds[part] = self.seconds.get(part, 0.0) + own_s
                self.calls[part] = self.calls.get(part, 0) + 1

        setattr(owner, name, timed)


def _wait() -> None:
    if device.DEVICE.type == "cuda" and not torch.cuda.is_current_stream_capturing():
        torch.cuda.synchronize()


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each part, and one for a picture whose parts are not timed."""
    size = int(arguments[0]) if arguments else 512
    rgb = from_image(read_image(samples.photo("summer_palace"))).rgb
    content = to_image(resize(rgb, round(rgb.shape[2] * size / rgb.shape[3]), size))
    style = Style(read_image(samples.painting("great_wave")))
    settings = StyleSettings(size=size)
    network = device.installed_network(settings.pooling)
    stylize.stylize(network, content, [style], settings)
    started_s = time.monotonic()
    stylize.stylize(network, content, [style], settings)
    unwatched_s = time.monotonic() - started_s
    clock = Clock()
    for part in PARTS:
        clock.watch(*part)
    stylize.stylize(network, content, [style], settings)
    rows = [
        (name, str(clock.calls[name]), f"{1000 * seconds:.0f}")
        for name, seconds in sorted(clock.seconds.items(), key=lambda row: -row[1])
    ]
    rows.append(("together", "", f"{1000 * sum(clock.seconds.values()):.0f}"))
    rows.append(("a picture without clocks", "1", f"{1000 * unwatched_s:.0f}"))
    return Table(("Part", "Calls", "Milliseconds"), rows)
