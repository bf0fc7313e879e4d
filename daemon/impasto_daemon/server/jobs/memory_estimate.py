"""Estimates of the memory that a job needs, before it is submitted."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR, WIDEST_UNTILED_BYTES
from impasto_daemon.style_transfer.planning.layouts import masks_pay
from impasto_daemon.style_transfer.planning.memory_plan import ScaleWork, fastest_plan
from impasto_daemon.style_transfer.planning.padding import circular_padding_px
from impasto_daemon.style_transfer.planning.scales import plan_scales
from impasto_shared.settings import Precision, StyleSettings, is_vgg


@dataclass(frozen=True)
class MemoryEstimate:
    """The peak memory of the worker, and the number of tiles in which it then paints."""

    needed_bytes: int
    tiles: int


def estimate_memory(
    settings: StyleSettings,
    width: int,
    height: int,
    available_bytes: float,
    *,
    begun_px: int = 0,
    on_gpu: bool = False,
    auto_bfloat16: bool = False,
) -> MemoryEstimate:
    """Returns the memory to paint a content of `width` × `height` pixels in `available_bytes`.

    Assumes that the paintings are as large as the content, and that a network that is no VGG is as
    wide as the widest.

    begun_px: see `plan_scales`.
    on_gpu: whether it is the memory of a GPU. auto_bfloat16: whether the device calculates in
        bfloat16 if the precision is left to it.
    """
    bfloat16 = settings.precision is Precision.BFLOAT16 or (
        settings.precision is Precision.AUTO and auto_bfloat16
    )
    longest_px = max(width, height)
    scale = plan_scales(min(settings.size, longest_px), settings, begun_px)[-1]
    factor = scale.longest_side_px / longest_px
    scaled_height, scaled_width = max(1, round(height * factor)), max(1, round(width * factor))
    painting_px = round(scaled_height * scaled_width * settings.style_scale**2)
    padding_px = circular_padding_px(settings)
    work = ScaleWork(
        scaled_height + padding_px,
        scaled_width + padding_px,
        painting_px,
        scale.evaluations,
        settings.optimizer,
        number_bytes=2 if bfloat16 else 4,
        cost_model=GPU if on_gpu else PROCESSOR,
        untiled_bytes=None if is_vgg(settings.model) else WIDEST_UNTILED_BYTES,
        masks_pay=masks_pay(settings),
    )
    plan = fastest_plan(work, available_bytes)
    return MemoryEstimate(plan.needed_bytes, plan.tiles)
