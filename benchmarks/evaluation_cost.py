"""Compares the cost of an evaluation with other programs.

    python -m benchmarks evaluation_cost NSPT STP

NSPT and STP are clones of neural-style-pt and style-transfer-pytorch. All take the same photo and
painting at 512 × 384, the same weights, and their own defaults otherwise; three rounds, in turn.
Run with the environment of the tests, on a machine that does nothing else.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import as_in_worker  # noqa: F401 - before torch

# isort: split
import samples
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.pixels import fit, from_image
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.optimize import Optimisation
from impasto_shared.settings import Model, StyleLoss, StyleSettings
from others import neural_style_pt, style_transfer_pytorch
from record import Table

PAINTING = samples.painting("auvers")
EVALUATIONS = 8
ROUNDS = 3


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns the median seconds of an evaluation of each program, and the ratios."""
    nspt, stp = (Path(argument).resolve() for argument in arguments[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = folder / "photo.png"
        write_image(samples.four_by_three("astronaut"), photo)
        seconds: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for loss in (StyleLoss.GRAM, StyleLoss.WASSERSTEIN):
                seconds.setdefault(f"Impasto, {loss.value}", []).extend(_ours(photo, loss))
            times = [
                at for at, _ in neural_style_pt(nspt, photo, PAINTING, folder, 512, EVALUATIONS)
            ]
            seconds.setdefault("neural-style-pt", []).extend(_between(times))
            times = [
                at
                for width, at in style_transfer_pytorch(
                    stp, photo, PAINTING, folder / "stp.png", 512, 1, EVALUATIONS
                )
                if width == 512
            ]
            seconds.setdefault("style-transfer-pytorch", []).extend(_between(times))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    rows = []
    for name, median in medians.items():
        same = "gram" if name == "neural-style-pt" else "wasserstein"
        ratio = medians[f"Impasto, {same}"] / median
        rows.append((name, f"{median:.2f}", "" if "Impasto" in name else f"{ratio:.2f}"))
    return Table(("Program", "Seconds", "Impasto's share of it"), rows)


def _ours(photo: Path, loss: StyleLoss) -> list[float]:
    """Returns the seconds between evaluations of the engine itself at full size."""
    settings = StyleSettings(style_loss=loss)
    network = load_network(Model.VGG19, settings.pooling)
    content = from_image(read_image(photo)).rgb
    painting = fit(from_image(read_image(PAINTING)).rgb, 512)
    times: list[float] = []
    Optimisation(network, settings).run(
        content,
        [Region([Painting(painting)])],
        content.clone(),
        EVALUATIONS,
        on_evaluation=lambda _loss, _best: times.append(time.monotonic()),
    )
    return _between(times)


def _between(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]
