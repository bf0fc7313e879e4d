import torch

from daemon.style_transfer.optimizers.counted import START, Bowl, minimise
from impasto_daemon.style_transfer.optimizers.minimiser import FIRST_CHANGE
from impasto_daemon.style_transfer.optimizers.scipy_lbfgsb import ScipyLBFGSB

INITIAL = torch.linspace(0.2, 0.9, len(START), dtype=torch.float64)


def test_a_bowl_is_minimised() -> None:
    bowl = Bowl(limit=100)

    minimise(ScipyLBFGSB(), bowl, INITIAL)

    assert min(bowl.losses) < 1e-6 * bowl.losses[0]


def test_points_stay_within_the_bounds() -> None:
    class OffCentre(Bowl):
        def value(self, point: torch.Tensor) -> tuple[float, torch.Tensor]:
            return super().value(point + 0.5)

    bowl = OffCentre(limit=50)

    minimise(ScipyLBFGSB(), bowl, INITIAL)

    points = torch.stack(bowl.points)
    assert (points.min().item(), points[-1].max().item()) == (0, 0)


def test_points_have_the_shape_and_type_of_the_initial_image() -> None:
    image = INITIAL.float().view(1, 3, 2, 5)

    class Image(Bowl):
        def value(self, point: torch.Tensor) -> tuple[float, torch.Tensor]:
            return point.square().sum().item(), 2 * point

    function = Image(limit=4)

    minimise(ScipyLBFGSB(), function, image)

    assert {(point.shape, point.dtype) for point in function.points} == {
        (image.shape, torch.float32)
    }


def test_the_first_step_does_not_depend_on_the_scale_of_the_loss() -> None:
    class Tiny(Bowl):
        def value(self, point: torch.Tensor) -> tuple[float, torch.Tensor]:
            loss, gradient = super().value(point)
            return 1e-9 * loss, 1e-9 * gradient

    usual, tiny = Bowl(limit=2), Tiny(limit=2)

    minimise(ScipyLBFGSB(), usual, INITIAL)
    minimise(ScipyLBFGSB(), tiny, INITIAL)

    change = (tiny.points[1] - tiny.points[0]).abs().mean().item()
    assert 0.5 * FIRST_CHANGE < change < 2 * FIRST_CHANGE
    torch.testing.assert_close(tiny.points[1], usual.points[1])
