"""Compares the losses of the optimizers over time: python -m benchmarks optimizers [STYLE_LOSS].

Each minimises the same objective, Impasto's own with the defaults, at 256 pixels from the photo.
`plain` is L-BFGS with the usual initial inverse Hessian, a multiple of the identity. Run it with
the environment of the tests, on an otherwise idle machine.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch
from torch import Tensor

import samples
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.pixels import fit, from_image
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.objective import Objective, build_objective
from impasto_daemon.style_transfer.optimizers.lbfgs import LBFGS
from impasto_daemon.style_transfer.optimizers.minimiser import Minimiser
from impasto_daemon.style_transfer.optimizers.registry import new_minimiser
from impasto_daemon.style_transfer.planning.memory_plan import HISTORY
from impasto_shared.settings import Model, Optimizer, StyleLoss, StyleSettings
from record import Table

SIZE_PX = 256
MOMENTS_S = (3, 6, 12, 24, 48)


class TimeIsUp(Exception):
    """The last moment has passed."""


class ScalarPreconditioner:
    """A multiple of the identity (Nocedal and Wright 2006, equation 7.20)."""

    is_fitted = False

    def update(self, s: Tensor, y: Tensor) -> None:
        """Takes the curvature along the last step as that of all directions."""
        self._inverse = torch.sum(s * y) / y.square().sum()

    def apply(self, gradient: Tensor) -> Tensor:
        """Returns `gradient` divided by that curvature."""
        return self._inverse * gradient


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each optimizer: its lowest loss at each moment, times 1000."""
    settings = StyleSettings(style_loss=StyleLoss(arguments[0] if arguments else "wasserstein"))
    network = load_network(Model.VGG19, settings.pooling)
    photo = _read("chelsea", "photo")
    regions = [Region([Painting(_read("auvers", "painting"))])]
    objective = build_objective(network, photo, regions, settings)

    def row(name: str, minimiser: Minimiser) -> tuple[str, ...]:
        clock = _Clock(objective)
        with contextlib.suppress(TimeIsUp):
            minimiser.minimise(clock.evaluate, photo, history=HISTORY)
        losses = [f"{1000 * loss:.2f}" for loss in clock.losses]
        return name, *losses, str(clock.count)

    rows = [row(optimizer.value, new_minimiser(optimizer)) for optimizer in Optimizer]
    rows.append(row("plain", LBFGS(ScalarPreconditioner())))
    heads = [f"{moment} s" for moment in MOMENTS_S]
    return Table(("Optimizer", *heads, "Evaluations"), rows)


def _read(name: str, kind: str) -> Tensor:
    file = samples.photo(name) if kind == "photo" else samples.painting(name)
    return fit(from_image(read_image(file)).rgb, SIZE_PX)


class _Clock:
    """Notes the lowest loss found by each moment."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._began_s = time.monotonic()
        self._lowest = float("inf")
        self.losses: list[float] = []
        self.count = 0

    def evaluate(self, rgb: Tensor) -> tuple[float, Tensor]:
        """Returns the loss and its gradient; raises TimeIsUp after the last moment."""
        variable = rgb.detach().clone().requires_grad_()
        loss = self._objective(variable)
        (gradient,) = torch.autograd.grad(loss, variable)
        spent_s = time.monotonic() - self._began_s
        while len(self.losses) < len(MOMENTS_S) and spent_s > MOMENTS_S[len(self.losses)]:
            self.losses.append(self._lowest)
        if len(self.losses) == len(MOMENTS_S):
            raise TimeIsUp
        self.count += 1
        self._lowest = min(self._lowest, loss.item())
        return loss.item(), gradient
