import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import (
    TINY_BLOCKS,
    broken_vgg,
    random_rgb,
    tiny_vgg,
)
from impasto_daemon.style_transfer import optimize
from impasto_daemon.style_transfer.images.initial_image import initial_image
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.calibration import content_factor
from impasto_daemon.style_transfer.losses.objective import Objective, build_objective
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.optimize import (
    NotFinite,
    OnEvaluation,
    Optimisation,
    Result,
    ShouldStop,
)
from impasto_shared.errors import ErrorCode
from impasto_shared.settings import (
    ContentLoss,
    Mode,
    Optimizer,
    Pooling,
    Start,
    StyleLoss,
    StyleSettings,
)

PHOTO = random_rgb(32, 40, seed=1, dtype=torch.float32)
PAINTING = random_rgb(48, 36, seed=2, dtype=torch.float32)
STYLE = [Region([Painting(PAINTING)])]
PAINTED = random_rgb(32, 40, seed=5, dtype=torch.float32)
NETWORK = tiny_vgg(dtype=torch.float32)
LAYERS = sum(TINY_BLOCKS)

# should_stop is asked before each layer, up to relu4_1: of the photo, of the painting that is
# searched, of the painting for its style; then once at the beginning of an evaluation, and before
# every layer forwards and backwards.
USED_LAYERS = LAYERS - 2
ASKED_FOR_TARGETS = 3 * USED_LAYERS
ASKED_IN_EVALUATION = 1 + 2 * USED_LAYERS


def objective_of(settings: StyleSettings) -> Objective:
    return build_objective(NETWORK, PHOTO, STYLE, settings)


class StopAt:
    """Says from the call numbered `call` on that it is time to stop."""

    def __init__(self, call: int) -> None:
        self.calls = 0
        self._call = call

    def __call__(self) -> bool:
        self.calls += 1
        return self.calls >= self._call


def painted(
    evaluations: int,
    settings: StyleSettings,
    *,
    network: VGG = NETWORK,
    should_stop: ShouldStop = lambda: False,
    on_evaluation: OnEvaluation = lambda _loss, _best: None,
) -> tuple[Result, list[float]]:
    """Returns the result for the photo and the painting, and the loss of every evaluation."""
    losses: list[float] = []

    def record(loss: float, best: Tensor) -> None:
        losses.append(loss)
        on_evaluation(loss, best)

    optimisation = Optimisation(network, settings, should_stop)
    initial = initial_image(PHOTO, PAINTING, settings)
    result = optimisation.run(PHOTO, STYLE, initial, evaluations, on_evaluation=record)
    return result, losses


@pytest.mark.parametrize("start", Start)
@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("optimizer", Optimizer)
def test_loss_falls(optimizer: Optimizer, start: Start, pooling: Pooling) -> None:
    settings = StyleSettings(optimizer=optimizer, start=start, pooling=pooling)

    result, losses = painted(10, settings, network=tiny_vgg(pooling, torch.float32))

    assert not result.stopped
    assert min(losses) < 0.8 * losses[0]


def test_first_evaluation_is_of_the_start_itself() -> None:
    settings = StyleSettings(start=Start.NOISE, seed=3)

    result, losses = painted(1, settings)

    start = initial_image(PHOTO, PAINTING, settings)
    assert torch.equal(result.rgb, start)
    assert losses == [objective_of(settings)(start).item()]


@pytest.mark.parametrize("evaluations", [1, 2, 7, 12])
@pytest.mark.parametrize("optimizer", Optimizer)
def test_best_picture_comes_back(optimizer: Optimizer, evaluations: int) -> None:
    settings = StyleSettings(optimizer=optimizer, start=Start.NOISE)

    result, losses = painted(evaluations, settings)

    assert objective_of(settings)(result.rgb).item() == pytest.approx(min(losses), rel=1e-6)


@pytest.mark.parametrize("evaluations", [1, 2, 3, 24])
@pytest.mark.parametrize("optimizer", Optimizer)
def test_all_evaluations_are_used_and_not_one_more(optimizer: Optimizer, evaluations: int) -> None:
    _, losses = painted(evaluations, StyleSettings(optimizer=optimizer))

    assert len(losses) == evaluations


@pytest.mark.parametrize("optimizer", Optimizer)
def test_search_that_is_done_ends_early(optimizer: Optimizer) -> None:
    # The photo itself has no content loss, and nothing else is asked for.
    settings = StyleSettings(optimizer=optimizer, style_strength=0, smoothness=0)

    result, losses = painted(50, settings)

    assert torch.equal(result.rgb, PHOTO)
    assert len(losses) < 50
    assert losses[0] == 0


@pytest.mark.parametrize("optimizer", Optimizer)
def test_colours_hardly_leave_their_range(optimizer: Optimizer) -> None:
    settings = StyleSettings(optimizer=optimizer, style_strength=10, smoothness=0)

    result, _ = painted(40, settings)

    assert result.rgb.shape == PHOTO.shape
    assert result.rgb.min().item() > -0.1
    assert result.rgb.max().item() < 1.1


def test_pictures_given_are_left_alone() -> None:
    photo, painting, start = PHOTO.clone(), PAINTING.clone(), PHOTO.clone()

    regions = [Region([Painting(painting)])]
    Optimisation(NETWORK, StyleSettings()).run(photo, regions, start, 5)

    assert torch.equal(photo, PHOTO)
    assert torch.equal(painting, PAINTING)
    assert torch.equal(start, PHOTO)


@pytest.mark.parametrize("optimizer", Optimizer)
def test_same_settings_give_the_same_bytes(optimizer: Optimizer) -> None:
    settings = StyleSettings(optimizer=optimizer, start=Start.NOISE, seed=4)

    first, second = (painted(12, settings)[0].rgb.numpy().tobytes() for _ in range(2))

    assert first == second


@pytest.mark.parametrize("call", [1, USED_LAYERS, ASKED_FOR_TARGETS, ASKED_FOR_TARGETS + 1])
def test_stopped_before_the_first_evaluation_gives_the_start(call: int) -> None:
    should_stop = StopAt(call)

    result, losses = painted(20, StyleSettings(), should_stop=should_stop)

    assert result.stopped
    assert torch.equal(result.rgb, PHOTO)
    assert (losses, should_stop.calls) == ([], call)


@pytest.mark.parametrize("asked", range(1, ASKED_IN_EVALUATION + 1))
def test_stopped_within_an_evaluation_gives_the_best_before_it(asked: int) -> None:
    settings = StyleSettings(start=Start.NOISE)
    should_stop = StopAt(ASKED_FOR_TARGETS + 4 * ASKED_IN_EVALUATION + asked)

    result, losses = painted(20, settings, should_stop=should_stop)

    assert result.stopped
    assert len(losses) == 4
    # Not asked again: nothing was computed after it had said so.
    assert should_stop.calls == ASKED_FOR_TARGETS + 4 * ASKED_IN_EVALUATION + asked
    assert objective_of(settings)(result.rgb).item() == pytest.approx(min(losses), rel=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_noticed(value: float) -> None:
    # The Wasserstein loss has eigenvalues, which a broken activation must not reach unseen.
    for style_loss in StyleLoss:
        with pytest.raises(NotFinite, match="lower style strength") as caught:
            painted(3, StyleSettings(style_loss=style_loss), network=broken_vgg(value))

        assert caught.value.code is ErrorCode.NOT_FINITE


@pytest.mark.parametrize("start", Start)
def test_plain_lbfgs_in_double_precision_comes_no_further(start: Start) -> None:
    # Rounding alone leads the two different ways; ours may go further.
    settings = StyleSettings(start=start, content_loss=ContentLoss.RECONSTRUCTION)
    photo, painting = PHOTO.double(), PAINTING.double()
    objective = build_objective(tiny_vgg(), photo, [Region([Painting(painting)])], settings)

    def evaluate(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        rgb = torch.from_numpy(flat).view_as(photo).requires_grad_()
        loss = objective(rgb)
        (gradient,) = torch.autograd.grad(loss, rgb)
        return loss.item(), gradient.flatten().numpy()

    reference = minimize(
        evaluate,
        initial_image(photo, painting, settings).flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0, 1),
        options={"maxfun": 150},
    )
    _, losses = painted(150, settings)

    assert min(losses) < 1.2 * reference.fun
    assert min(losses) < losses[0] / 10


@pytest.mark.parametrize(("evaluations", "is_recorded"), [(2, False), (3, True)])
def test_two_evaluations_are_not_worth_recording(
    monkeypatch: pytest.MonkeyPatch, evaluations: int, is_recorded: bool
) -> None:
    recorded: list[object] = []

    def record(evaluate: object) -> object:
        recorded.append(evaluate)
        return evaluate

    monkeypatch.setattr(optimize, "can_record", lambda *_: True)
    monkeypatch.setattr(optimize, "CudaGraph", record)

    painted(evaluations, StyleSettings())

    assert len(recorded) == is_recorded


def first_loss(optimisation: Optimisation, initial: Tensor, evaluations: int = 1) -> float:
    """Returns the loss that the next scale begins with."""
    losses: list[float] = []
    optimisation.run(
        PHOTO, STYLE, initial, evaluations, on_evaluation=lambda loss, _: losses.append(loss)
    )
    return losses[0]


def test_content_weighs_from_the_second_scale_on_as_the_first_one_has_shown() -> None:
    # The first scale is painted for long, and the photo, of noise, hardly lost.
    settings = StyleSettings(start=Start.PHOTO)
    optimisation = Optimisation(NETWORK, settings)
    painted_first = optimisation.run(PHOTO, STYLE, PHOTO, 20).rgb
    factor = content_factor(NETWORK, PHOTO, painted_first, "relu4_1", settings.style_strength)
    assert not math.isclose(factor, 1, rel_tol=0.1)

    losses = [first_loss(optimisation, PAINTED) for _ in range(2)]

    calibrated = build_objective(NETWORK, PHOTO, STYLE, settings, factor)(PAINTED).item()
    assert losses == [pytest.approx(calibrated, rel=1e-6)] * 2
    assert not math.isclose(calibrated, objective_of(settings)(PAINTED).item(), rel_tol=0.01)


def test_first_scale_is_not_calibrated() -> None:
    settings = StyleSettings()

    loss = first_loss(Optimisation(NETWORK, settings), PAINTED)

    assert loss == objective_of(settings)(PAINTED).item()


@pytest.mark.parametrize(
    "settings",
    [
        StyleSettings(style_strength=0),
        StyleSettings(content_loss=ContentLoss.RECONSTRUCTION),
        StyleSettings(mode=Mode.TEXTURE),
        StyleSettings(mode=Mode.CONTENT),
    ],
)
def test_only_style_swaps_are_calibrated(
    settings: StyleSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimize, "content_factor", pytest.fail)
    optimisation = Optimisation(NETWORK, settings)

    losses = [first_loss(optimisation, PAINTED, evaluations=2) for _ in range(2)]

    assert losses == [objective_of(settings)(PAINTED).item()] * 2


def test_photo_is_compared_at_the_deepest_content_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    layers: list[str] = []

    def record(_network: Network, _photo: Tensor, _painted: Tensor, layer: str, _: float) -> float:
        layers.append(layer)
        return 1.0

    monkeypatch.setattr(optimize, "content_factor", record)
    settings = StyleSettings(content_layers="relu4_2:1,relu5_1:0.1,relu2_1:3")

    first_loss(Optimisation(NETWORK, settings), PAINTED)

    assert layers == ["relu5_1"]
