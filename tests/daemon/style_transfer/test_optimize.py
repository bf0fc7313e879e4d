import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize

from daemon.style_transfer.tiny_network import TINY_BLOCKS, broken_vgg, random_rgb, tiny_vgg
from impasto_daemon.style_transfer.losses import Objective, measure_targets
from impasto_daemon.style_transfer.optimize import NotFinite, Step, Transfer, transfer
from impasto_daemon.style_transfer.starts import starting_picture
from impasto_shared.errors import ErrorCode
from impasto_shared.settings import Pooling, Start, StyleSettings

PHOTO = random_rgb(32, 40, seed=1, dtype=torch.float32)
PAINTING = random_rgb(48, 36, seed=2, dtype=torch.float32)
NETWORK = tiny_vgg(dtype=torch.float32)
LAYERS = sum(TINY_BLOCKS)

# should_stop is asked before each layer: up to relu4_2 of the photo, all of the painting; then
# once at the beginning of an evaluation, and before every layer forwards and backwards.
ASKED_FOR_TARGETS = (LAYERS - 1) + LAYERS
ASKED_IN_EVALUATION = 1 + 2 * LAYERS


def ignore() -> None:
    """Lets every layer pass."""


def objective_of(settings: StyleSettings) -> Objective:
    return measure_targets(NETWORK, PHOTO, PAINTING, settings, ignore)


class StopAt:
    """Says from the call numbered `call` on that it is time to stop."""

    def __init__(self, call: int) -> None:
        self.calls = 0
        self._call = call

    def __call__(self) -> bool:
        self.calls += 1
        return self.calls >= self._call


def painted(settings: StyleSettings) -> tuple[Transfer, list[Step]]:
    steps: list[Step] = []
    result = transfer(NETWORK, PHOTO, PAINTING, settings, on_step=steps.append)
    return result, steps


@pytest.mark.parametrize("start", Start)
@pytest.mark.parametrize("pooling", Pooling)
def test_loss_falls(start: Start, pooling: Pooling) -> None:
    settings = StyleSettings(start=start, pooling=pooling, iterations=15)
    losses: list[float] = []

    result = transfer(
        tiny_vgg(pooling, torch.float32),
        PHOTO,
        PAINTING,
        settings,
        on_step=lambda step: losses.append(step.loss),
    )

    assert not result.stopped
    assert min(losses) < 0.7 * losses[0]


def test_first_step_is_the_start_itself() -> None:
    settings = StyleSettings(start=Start.NOISE, iterations=1, seed=3)

    result, steps = painted(settings)

    start = starting_picture(PHOTO, PAINTING, settings)
    assert torch.equal(result.rgb, start)
    assert [step.loss for step in steps] == [objective_of(settings)(start, ignore).item()]


@pytest.mark.parametrize("iterations", [1, 2, 7, 20])
def test_best_picture_comes_back(iterations: int) -> None:
    settings = StyleSettings(start=Start.NOISE, iterations=iterations)

    result, steps = painted(settings)

    best = min(step.loss for step in steps)
    assert objective_of(settings)(result.rgb, ignore).item() == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("iterations", [1, 2, 3, 10, 33])
def test_steps_are_counted_up_to_the_number_asked_for(iterations: int) -> None:
    _, steps = painted(StyleSettings(iterations=iterations))

    assert [step.step for step in steps] == list(range(1, iterations + 1))
    assert {step.steps for step in steps} == {iterations}


def test_search_that_is_done_ends_early() -> None:
    # The photo itself has no content loss, and nothing else is asked for.
    result, steps = painted(StyleSettings(style_strength=0, smoothness=0, iterations=50))

    assert torch.equal(result.rgb, PHOTO)
    assert len(steps) < 50
    assert steps[0].loss == 0


def test_colours_stay_within_range() -> None:
    result, _ = painted(StyleSettings(style_strength=10, smoothness=0, iterations=20))

    assert result.rgb.shape == PHOTO.shape
    assert (result.rgb.min().item(), result.rgb.max().item()) == (0, 1)


def test_photo_and_painting_are_left_alone() -> None:
    photo, painting = PHOTO.clone(), PAINTING.clone()

    transfer(NETWORK, photo, painting, StyleSettings(iterations=5))

    assert torch.equal(photo, PHOTO)
    assert torch.equal(painting, PAINTING)


@pytest.mark.parametrize("start", Start)
def test_same_settings_give_the_same_bytes(start: Start) -> None:
    settings = StyleSettings(start=start, iterations=12, seed=4)

    first, second = (painted(settings)[0].rgb.numpy().tobytes() for _ in range(2))

    assert first == second


def test_other_seed_gives_another_picture() -> None:
    first, second = (
        painted(StyleSettings(start=Start.NOISE, iterations=5, seed=seed))[0].rgb for seed in (1, 2)
    )

    assert not torch.equal(first, second)


@pytest.mark.parametrize("call", [1, LAYERS, ASKED_FOR_TARGETS, ASKED_FOR_TARGETS + 1])
def test_stopped_before_the_first_step_gives_the_start(call: int) -> None:
    steps: list[Step] = []
    should_stop = StopAt(call)

    result = transfer(
        NETWORK,
        PHOTO,
        PAINTING,
        StyleSettings(),
        on_step=steps.append,
        should_stop=should_stop,
    )

    assert result.stopped
    assert torch.equal(result.rgb, PHOTO)
    assert (steps, should_stop.calls) == ([], call)


@pytest.mark.parametrize("asked", range(1, ASKED_IN_EVALUATION + 1))
def test_stopped_within_a_step_gives_the_best_before_it(asked: int) -> None:
    settings = StyleSettings(start=Start.NOISE)
    should_stop = StopAt(ASKED_FOR_TARGETS + 4 * ASKED_IN_EVALUATION + asked)
    steps: list[Step] = []

    result = transfer(
        NETWORK, PHOTO, PAINTING, settings, on_step=steps.append, should_stop=should_stop
    )

    assert result.stopped
    assert len(steps) == 4
    # Not asked again: nothing was computed after it had said so.
    assert should_stop.calls == ASKED_FOR_TARGETS + 4 * ASKED_IN_EVALUATION + asked
    best = min(step.loss for step in steps)
    assert objective_of(settings)(result.rgb, ignore).item() == pytest.approx(best, rel=1e-6)


def test_stopped_from_within_on_step_ends_there() -> None:
    steps: list[Step] = []

    result = transfer(
        NETWORK,
        PHOTO,
        PAINTING,
        StyleSettings(),
        on_step=steps.append,
        should_stop=lambda: len(steps) >= 3,
    )

    assert result.stopped
    assert len(steps) == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_noticed(value: float) -> None:
    with pytest.raises(NotFinite, match="lower style strength") as caught:
        transfer(broken_vgg(value), PHOTO, PAINTING, StyleSettings(iterations=3))

    assert caught.value.code is ErrorCode.NOT_FINITE


@pytest.mark.parametrize("start", Start)
def test_plain_lbfgs_in_double_precision_comes_as_far(start: Start) -> None:
    # The style is weak here, so that from any start there is but one valley to go down.
    settings = StyleSettings(start=start, style_strength=0.1, iterations=100)
    photo, painting = PHOTO.double(), PAINTING.double()
    objective = measure_targets(tiny_vgg(), photo, painting, settings, ignore)

    def evaluate(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        rgb = torch.from_numpy(flat).view_as(photo).requires_grad_()
        loss = objective(rgb, ignore)
        (gradient,) = torch.autograd.grad(loss, rgb)
        return loss.item(), gradient.flatten().numpy()

    reference = minimize(
        evaluate,
        starting_picture(photo, painting, settings).flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0, 1),
        options={"maxfun": settings.iterations},
    )
    _, steps = painted(settings)

    assert min(step.loss for step in steps) == pytest.approx(reference.fun, rel=0.05)
