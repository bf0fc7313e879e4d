"""Measures the cost of tiles: python -m benchmarks tiles WIDTHxHEIGHT@GIGABYTES [...].

Compares an evaluation by the plan for that memory limit with one of the picture at once, in turn.
Run with the environment of the tests, on a machine that does nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch

import samples
from cases import Case, read_case
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.pixels import fit, from_image
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.objective import Objective, build_objective
from impasto_daemon.style_transfer.networks.network import ConvolutionChain, Network
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork
from impasto_shared.settings import Model, StyleSettings
from record import Table

ROUNDS = 3


def seconds(objective: Objective, photo: torch.Tensor) -> float:
    """Returns the time of an evaluation: the loss and its gradient."""
    started_s = time.perf_counter()
    objective.loss_and_gradient(photo)
    return time.perf_counter() - started_s


def compare(network: Network, case: Case) -> tuple[str, ...]:
    """Returns a row of the table."""
    image = read_image(samples.painting("great_wave"))
    plan = case.plan(image, network)
    photo, painting = from_image(case.photo()).rgb, fit(from_image(image).rgb, case.settings.size)
    regions = [Region([Painting(painting)])]
    networks = [network]
    if plan.tiling is not None and isinstance(network, ConvolutionChain):
        networks.append(TiledNetwork(network, plan.tiling))
    objectives = [build_objective(each, photo, regions, case.settings) for each in networks]
    for objective in objectives:
        seconds(objective, photo)  # the first one takes memory from the system
    rounds = [[seconds(objective, photo) for objective in objectives] for _ in range(ROUNDS)]
    at_once_s, *others_s = (min(times) for times in zip(*rounds, strict=True))
    planned_s = others_s[0] if others_s else at_once_s
    times = f"{at_once_s:.1f} s", f"{planned_s:.1f} s", f"{planned_s / at_once_s:.2f}"
    return case.name, case.limit, plan.tiling_text, *times


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each case."""
    cases = [read_case(text, evaluations=4) for text in arguments]
    network = load_network(Model.VGG19, StyleSettings().pooling)
    rows = [compare(network, case) for case in cases]
    return Table(("Picture", "Limit", "Passes", "At once", "Planned", "Ratio"), rows)
