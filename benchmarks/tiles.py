"""What tiles cost: python benchmarks/tiles.py WIDTHxHEIGHT@GIGABYTES [...].

An evaluation as it is planned under such a limit beside one that sees the picture at once, in turn.
Run with the environment of the tests, on a machine that does nothing else.
"""

from __future__ import annotations

import sys
import time

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch

import samples
from cases import Case, read_case
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.pixels import fit, from_image
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.objective import Objective, measure_targets
from impasto_daemon.style_transfer.networks.network import Network
from impasto_shared.settings import Model

ROUNDS = 3


def ignore() -> None:
    """Lets every layer pass."""


def seconds(objective: Objective, photo: torch.Tensor) -> float:
    """What a loss and its slope take."""
    rgb = photo.clone().requires_grad_()
    started_s = time.perf_counter()
    torch.autograd.grad(objective(rgb, ignore), rgb)
    return time.perf_counter() - started_s


def compare(network: Network, case: Case) -> str:
    """A row of the table."""
    image = read_image(samples.painting("great_wave"))[0]
    plan = case.plan(image, network)
    photo, painting = from_image(case.photo()).rgb, fit(from_image(image).rgb, case.settings.size)
    regions = [Region([Painting(painting)])]
    ways = [
        measure_targets(network, photo, regions, case.settings, ignore, tiling)
        for tiling in (None, plan.tiling)
    ]
    for objective in ways:
        seconds(objective, photo)  # the first one takes memory from the system
    rounds = [[seconds(objective, photo) for objective in ways] for _ in range(ROUNDS)]
    at_once_s, planned_s = (min(found) for found in zip(*rounds, strict=True))
    cells = (case.name, case.limit, plan.seen, f"{at_once_s:.1f} s", f"{planned_s:.1f} s")
    return f"| {' | '.join(cells)} | {planned_s / at_once_s:.2f} |"


def main() -> None:
    """Prints a row for each case."""
    cases = [read_case(text, evaluations=4) for text in sys.argv[1:]]
    print("| Picture | Limit | Seen | All at once | So | Times as long |")
    print("| --- | ---: | --- | ---: | ---: | ---: |")
    for case in cases:
        network = load_network(Model.VGG16_HED, case.settings.pooling)
        print(compare(network, case), flush=True)


if __name__ == "__main__":
    main()
