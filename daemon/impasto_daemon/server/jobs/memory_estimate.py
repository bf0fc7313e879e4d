"""Estimates of the memory that a job needs, before it is submitted."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR, WIDEST_UNTILED_BYTES
from impasto_daemon.style_transfer.planning.layouts import masks_pay
from impasto_daemon.style_transfer.planning.memory_plan import ScaleWork, fastest_plan
from impasto_daemon.style_transfer.planning.padding import circular_padding_px
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.settings import Precision, is_vgg


@dataclass(frozen=True)
class MemoryEstimate:
    """The peak memory of the worker, and the number of tiles in which it then paints."""

    needed_bytes: int
    tiles: int


def estimate_memory(
    work: Work,
    available_bytes: float,
    *,
    on_gpu: bool = False,
    auto_bfloat16: bool = False,
) -> MemoryEstimate:
    """Returns the memory to paint in `available_bytes`.

    Assumes that the paintings are as large as the content, and that a network that is no VGG is as
    wide as the widest.

    on_gpu: whether it is the memory of a GPU. auto_bfloat16: whether the device calculates in
        bfloat16 if the precision is left to it.
    """
    settings = work.settings
    bfloat16 = settings.precision is Precision.BFLOAT16 or (
        settings.precision is Precision.AUTO and auto_bfloat16
    )
    scale = work.scales[-1]
    factor = scale.longest_side_px / work.longest_px
    scaled_height = max(1, round(work.height * factor))
    scaled_width = max(1, round(work.width * factor))
    painting_px = round(scaled_height * scaled_width * settings.style_scale**2)
    padding_px = circular_padding_px(settings)
    scale_work = ScaleWork(
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
    plan = fastest_plan(scale_work, available_bytes)
    return MemoryEstimate(plan.needed_bytes, plan.tiles)
