import pytest
import torch

from daemon.style_transfer.optimizers.counted import START, Bowl, minimise
from impasto_daemon.style_transfer.optimizers.lbfgs import LBFGS
from impasto_daemon.style_transfer.optimizers.registry import new_minimiser
from impasto_shared.settings import Optimizer


@pytest.mark.parametrize("optimizer", Optimizer)
def test_every_optimizer_lowers_a_loss(optimizer: Optimizer) -> None:
    # As an image: the preconditioner of L-BFGS transforms rows and columns.
    class OfImage(Bowl):
        def value(self, point: torch.Tensor) -> tuple[float, torch.Tensor]:
            loss, gradient = super().value(point.flatten())
            return loss, gradient.view_as(point)

    bowl = OfImage(limit=40)
    minimise(new_minimiser(optimizer), bowl, torch.full_like(START, 0.7).view(1, 3, 2, 5))

    assert min(bowl.losses) < 0.5 * bowl.losses[0]


def test_every_optimizer_is_another_class() -> None:
    assert len({type(new_minimiser(optimizer)) for optimizer in Optimizer}) == len(Optimizer)


def test_each_job_has_an_optimizer_of_its_own() -> None:
    first, second = (new_minimiser(Optimizer.LBFGS) for _ in range(2))

    assert isinstance(first, LBFGS)
    assert first is not second
