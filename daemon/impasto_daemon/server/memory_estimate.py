"""What a job would take: time and memory, said before it is begun."""

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
    """The most memory that the painting process will have, and in how many tiles it works then."""

    needed_bytes: int
    tiles: int


def estimate_memory(
    settings: StyleSettings,
    width: int,
    height: int,
    available_bytes: float,
    *,
    on_gpu: bool = False,
    auto_bfloat16: bool = False,
) -> MemoryEstimate:
    """What painting a content of `width` × `height` pixels needs where so much is available.

    Its paintings are taken to be as large as it is, and a network that is no VGG to be as wide as
    any.

    on_gpu: whether it is the memory of a GPU. auto_bfloat16: whether the device calculates in
        bfloat16 where the precision is left to it.
    """
    bfloat16 = settings.precision is Precision.BFLOAT16 or (
        settings.precision is Precision.AUTO and auto_bfloat16
    )
    longest = max(width, height)
    scale = plan_scales(min(settings.size, longest), settings)[-1]
    reduced = scale.longest_side_px / longest
    painted = max(1, round(height * reduced)), max(1, round(width * reduced))
    painting_px = round(painted[0] * painted[1] * settings.style_scale**2)
    padding_px = circular_padding_px(settings)
    work = ScaleWork(
        painted[0] + padding_px,
        painted[1] + padding_px,
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
