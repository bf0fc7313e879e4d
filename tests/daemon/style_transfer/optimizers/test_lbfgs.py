import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen, rosen_der
from torch import Tensor

from daemon.style_transfer.optimizers.counted import START, Bowl, Counted, Finished, minimise
from daemon.style_transfer.optimizers.scalar_preconditioner import ScalarPreconditioner
from impasto_daemon.style_transfer.optimizers.lbfgs import LBFGS, Pair, two_loop_recursion
from impasto_daemon.style_transfer.optimizers.minimiser import FIRST_CHANGE


class Valley(Counted):
    """Rosenbrock's curved valley."""

    def value(self, point: Tensor) -> tuple[float, Tensor]:
        flat = point.numpy()
        return float(rosen(flat)), torch.from_numpy(np.asarray(rosen_der(flat)))


def plain_lbfgs() -> LBFGS:
    return LBFGS(ScalarPreconditioner())


def test_a_bowl_is_minimised() -> None:
    bowl = Bowl(limit=300, condition=1e4)

    with pytest.raises(Finished):
        plain_lbfgs().minimise(bowl, START, history=20)

    assert min(bowl.losses) < 1e-6 * bowl.losses[0]


def test_a_curved_valley_is_followed_about_as_fast_as_by_scipy() -> None:
    valley = Valley(limit=150)
    start = torch.tensor([1.3, 0.7, 0.8, 1.9, 1.2], dtype=torch.float64)
    reference = minimize(
        rosen, start.numpy(), jac=rosen_der, method="L-BFGS-B", options={"maxfun": 150}
    )

    minimise(plain_lbfgs(), valley, start)

    assert reference.fun < 1e-6
    assert min(valley.losses) < 1e-6


def test_the_search_ends_if_the_gradient_vanishes() -> None:
    bowl = Bowl(limit=10)

    minimise(plain_lbfgs(), bowl, torch.zeros_like(START))

    assert bowl.losses == [0]


def test_a_step_that_is_too_long_is_shortened() -> None:
    class Cliff(Counted):
        def value(self, point: Tensor) -> tuple[float, Tensor]:
            return point.pow(4).sum().item(), 4 * point.pow(3)

    cliff = Cliff(limit=60)

    minimise(plain_lbfgs(), cliff, torch.full((3,), FIRST_CHANGE / 3, dtype=torch.float64))

    assert max(cliff.losses) > cliff.losses[0]
    assert min(cliff.losses) < 1e-6 * cliff.losses[0]


def test_a_wrong_gradient_ends_the_search() -> None:
    class WrongSign(Counted):
        def value(self, point: Tensor) -> tuple[float, Tensor]:
            return -point.sum().item(), torch.ones_like(point)

    function = WrongSign(limit=1000)

    minimise(plain_lbfgs(), function)

    assert len(function.losses) < 100


def test_the_history_is_limited() -> None:
    # With as many pairs as dimensions a quadratic is minimised at once; with one it is not.
    short, long = Bowl(limit=400, condition=1e4), Bowl(limit=400, condition=1e4)

    minimise(plain_lbfgs(), short, history=1)
    minimise(plain_lbfgs(), long, history=30)

    assert short.evaluations_to(1e-6) > 1.5 * long.evaluations_to(1e-6)


def test_the_two_loop_recursion_satisfies_the_secant_equation() -> None:
    generator = torch.Generator().manual_seed(1)
    s, y = torch.randn(2, 3, 8, dtype=torch.float64, generator=generator).abs()
    preconditioner = ScalarPreconditioner()
    preconditioner.update(s[-1], y[-1])
    pairs = [Pair(*pair, 1 / torch.dot(*pair)) for pair in zip(s, y, strict=True)]

    torch.testing.assert_close(two_loop_recursion(y[-1], pairs, preconditioner), s[-1])


def test_a_fitted_preconditioner_directs_the_first_step() -> None:
    class Scaling(ScalarPreconditioner):
        """A preconditioner that knows the curvature of the second half of the variables."""

        is_fitted = True

        def apply(self, gradient: Tensor) -> Tensor:
            return torch.cat([gradient[:15], 9 * gradient[15:]])

    bowl = Bowl(limit=2)

    minimise(LBFGS(Scaling()), bowl)

    step = bowl.points[0] - bowl.points[1]
    ratio = step / (bowl.curvatures * bowl.points[0])
    torch.testing.assert_close(ratio[15:] / ratio[:15], torch.full_like(ratio[15:], 9))
