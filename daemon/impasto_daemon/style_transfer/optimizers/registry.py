"""The optimizers by their names in the settings."""

from __future__ import annotations

from collections.abc import Mapping

from impasto_daemon.style_transfer.optimizers.adam import Adam
from impasto_daemon.style_transfer.optimizers.gradient_descent import GradientDescent
from impasto_daemon.style_transfer.optimizers.lbfgs import LBFGS
from impasto_daemon.style_transfer.optimizers.minimiser import Minimiser
from impasto_daemon.style_transfer.optimizers.scipy_lbfgsb import ScipyLBFGSB
from impasto_shared.settings import Optimizer

_MINIMISERS: Mapping[Optimizer, type[Minimiser]] = {
    Optimizer.LBFGS: LBFGS,
    Optimizer.SCIPY: ScipyLBFGSB,
    Optimizer.ADAM: Adam,
    Optimizer.GRADIENT_DESCENT: GradientDescent,
}


def new_minimiser(optimizer: Optimizer) -> Minimiser:
    """Returns an optimizer that has learnt nothing yet, for all scales of one job."""
    return _MINIMISERS[optimizer]()
