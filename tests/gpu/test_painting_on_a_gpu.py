"""Tests of the engine on a GPU: python -m pytest tests/gpu on a machine that has one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto_daemon.commands.image_file import read_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.pixels import from_image, resize, to_image
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.matrix_sqrt import matrix_sqrt
from impasto_daemon.style_transfer.losses.objective import Objective, build_objective
from impasto_daemon.style_transfer.networks.network import ConvolutionChain, Network
from impasto_daemon.style_transfer.optimize import Optimisation
from impasto_daemon.style_transfer.planning.cost_model import GPU
from impasto_daemon.style_transfer.planning.memory_plan import Plan, ScaleWork, fastest_plan, plans
from impasto_daemon.style_transfer.runtime.cuda_graph import CudaGraph
from impasto_daemon.style_transfer.stylize import stylize
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork
from impasto_shared.settings import Model, Optimizer, Pooling, StyleLoss, StyleSettings
from impasto_shared.style import Style

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="this machine has no GPU that PyTorch knows"
)

ASSETS = Path(__file__).parents[2] / "assets"
CPU = torch.device("cpu")


def gpu() -> torch.device:
    return torch.device("cuda")


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(Model.VGG19, Pooling.MAX, device=gpu(), dtype=torch.bfloat16)


@pytest.fixture(autouse=True)
def separate_memory() -> Iterator[None]:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def photo(height: int, width: int) -> Tensor:
    return resize(from_image(read_image(ASSETS / "photos/astronaut.jpg")).rgb, height, width)


def painting(height: int, width: int) -> Tensor:
    return resize(from_image(read_image(ASSETS / "styles/auvers.jpg")).rgb, height, width)


def objective(
    network: Network, content: Tensor, settings: StyleSettings, plan: Plan | None = None
) -> Objective:
    style = painting(150, 190).to(content)
    mask = torch.zeros_like(content[:, :1])
    mask[:, :, :, : content.shape[3] // 2] = 1
    regions = [Region([Painting(style)], mask), Region([Painting(style.flip(1))], 1 - mask)]
    if plan is not None and plan.tiling is not None:
        assert isinstance(network, ConvolutionChain)
        network = TiledNetwork(network, plan.tiling)
    return build_objective(network, content, regions, settings)


def relative_difference(actual: Tensor, expected: Tensor) -> float:
    return float((actual.cpu() - expected.cpu()).norm() / expected.cpu().norm())


@pytest.mark.parametrize("loss", StyleLoss)
def test_the_objective_on_a_gpu_equals_that_on_the_processor(loss: StyleLoss) -> None:
    settings = StyleSettings(style_loss=loss)
    losses, gradients = [], []
    for device in (CPU, gpu()):
        content = photo(135, 171).to(device, torch.float64)
        network = load_network(Model.VGG19, Pooling.MAX, device=device, dtype=torch.float64)
        value, gradient = objective(network, content, settings).loss_and_gradient(content)
        losses.append(value.cpu())
        gradients.append(gradient)

    torch.testing.assert_close(losses[1], losses[0], rtol=1e-8, atol=0)
    assert relative_difference(gradients[1], gradients[0]) < 1e-6


def test_the_objective_is_the_same_in_tiles() -> None:
    content = photo(270, 333).to(gpu(), torch.float64)
    network = load_network(Model.VGG19, Pooling.MAX, device=gpu(), dtype=torch.float64)
    expected, gradient = objective(network, content, StyleSettings()).loss_and_gradient(content)
    work = ScaleWork(270, 333, 150 * 190, 10, Optimizer.LBFGS, cost_model=GPU)
    in_tiles = [plan for plan in plans(work) if plan.side_px == 128]
    assert in_tiles

    for plan in in_tiles:
        loss, from_tiles = objective(network, content, StyleSettings(), plan).loss_and_gradient(
            content
        )

        torch.testing.assert_close(loss, expected, rtol=1e-9, atol=0)
        assert relative_difference(from_tiles, gradient) < 1e-8


@pytest.mark.parametrize("loss", StyleLoss)
def test_a_replayed_evaluation_is_the_same(network: Network, loss: StyleLoss) -> None:
    content = photo(150, 200).to(gpu())
    evaluate = objective(network, content, StyleSettings(style_loss=loss)).loss_and_gradient
    replayed = CudaGraph(evaluate)

    for step in range(4):
        picture = content + 0.05 * step
        value, gradient = replayed(picture)
        expected, expected_gradient = evaluate(picture)

        torch.testing.assert_close(value, expected, rtol=1e-4, atol=0)
        assert relative_difference(gradient, expected_gradient) < 1e-3


def test_matrix_roots_never_wait_for_the_gpu() -> None:
    generator = torch.Generator().manual_seed(3)
    drawn = torch.randn(40, 90, generator=generator, dtype=torch.float64).to(gpu())
    matrix, floor = drawn @ drawn.T, torch.tensor(1e-9, dtype=torch.float64, device=gpu())
    values, vectors = torch.linalg.eigh(matrix)

    torch.cuda.set_sync_debug_mode("error")
    try:
        root = matrix_sqrt(matrix, floor)
    finally:
        torch.cuda.set_sync_debug_mode("default")

    torch.testing.assert_close(root.trace, values.sqrt().sum(), rtol=1e-9, atol=0)
    assert relative_difference(root.inverse, (vectors / values.sqrt()) @ vectors.T) < 1e-8


@pytest.mark.parametrize(
    ("height", "width", "limit_gb"),
    [
        (768, 1024, math.inf),
        (1536, 2048, math.inf),
        (1536, 2048, 2.6),
        (3072, 4096, math.inf),
        (3072, 4096, 8.0),
        (3072, 4096, 4.0),
        (3072, 4096, 2.6),
    ],
)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_memory_is_within_15_percent_of_the_forecast(
    height: int, width: int, limit_gb: float, dtype: torch.dtype
) -> None:
    network = load_network(Model.VGG19, Pooling.MAX, device=gpu(), dtype=dtype)
    style = painting(768, 1024).to(gpu())
    work = ScaleWork(height, width, 768 * 1024, 6, Optimizer.LBFGS, dtype.itemsize, cost_model=GPU)
    plan = fastest_plan(work, limit_gb * 1e9)
    content = photo(height, width).to(gpu())

    Optimisation(network, StyleSettings()).run(
        content, [Region([Painting(style)])], content.clone(), 6, plan
    )

    peak_bytes = torch.cuda.max_memory_reserved()
    assert plan.needed_bytes == pytest.approx(peak_bytes, rel=0.15)


def test_evaluations_of_a_scale_are_recorded(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []
    record = CudaGraph._recorded

    def counted(graph: CudaGraph, rgb: Tensor) -> Any:
        recorded.append(rgb.shape)
        return record(graph, rgb)

    monkeypatch.setattr(CudaGraph, "_recorded", counted)
    content = photo(150, 200).to(gpu())
    regions = [Region([Painting(painting(150, 190).to(gpu()))])]

    Optimisation(network, StyleSettings()).run(content, regions, content.clone(), 8)

    assert recorded == [content.shape]


def test_a_job_that_runs_out_of_memory_continues_in_tiles(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    content = to_image(photo(1400, 1800))
    style = Style(to_image(painting(300, 400)))
    settings = StyleSettings(size=1800, iterations=4, scales=1)
    expected = stylize(network, content, [style], settings)
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(1.6e9 / total)

    picture = stylize(network, content, [style], settings)

    assert "memory has run out" in caplog.text
    pairs = zip(bytes(expected.pixels)[::97], bytes(picture.pixels)[::97], strict=True)
    differences = sorted(abs(first - second) for first, second in pairs)
    assert differences[len(differences) // 2] <= 3
