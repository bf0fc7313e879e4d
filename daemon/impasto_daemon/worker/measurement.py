"""A small job of the worker's own, whose steps tell how fast this machine paints."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.stylize import Step, stylize
from impasto_daemon.worker.messages import Measured
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style

# On a processor some seconds. On a GPU launching kernels takes longer than running them up to the
# size at which most pictures are painted, so a small picture would say little about those.
ON_PROCESSOR = StyleSettings(size=256, quality=Quality.DRAFT, iterations=7)
ON_GPU = StyleSettings(size=1024, quality=Quality.DRAFT, iterations=15)
_BLOTCH_PX = 8


def measure(
    network: Network,
    settings: StyleSettings,
    should_stop: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Measured | None:
    """Returns the steps of painting blotches in the style of others; None if it should stop."""
    points: list[CurvePoint] = []
    began_s = clock()

    def on_step(step: Step) -> None:
        points.append(CurvePoint(step.step, clock() - began_s, step.loss))

    photo, painting = (blotches(settings.size, seed) for seed in range(2))
    stylize(network, photo, [Style(painting)], settings, on_step=on_step, should_stop=should_stop)
    if should_stop():
        return None
    return Measured(settings, photo.width, photo.height, tuple(points))


def blotches(side_px: int, seed: int) -> Image:
    """Returns a square picture of random colours, with soft edges and a little grain."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, side_px // _BLOTCH_PX, side_px // _BLOTCH_PX, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (side_px, side_px), mode="bilinear")
    grain = torch.rand(1, 3, side_px, side_px, generator=generator)
    rows = torch.lerp(smooth, grain, 0.1).mul(255).byte().squeeze(0).permute(1, 2, 0)
    return Image(side_px, side_px, PixelFormat.RGB_U8, rows.contiguous().numpy().tobytes())
