"""The time that painting takes, part by part, on one machine of each kind (docs/benchmarks.md).

Another machine is slower or faster by a factor, its pace, which the server learns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from impasto_daemon.style_transfer.planning.padding import circular_padding_px
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import ContentLoss, Mode, StyleLoss, StyleSettings


@dataclass(frozen=True)
class TimeModel:
    """The seconds of the parts of a job; those that end in `_px` are per pixel.

    start: the painting process, with the network loaded.
    targets, targets_px: what precedes the first evaluation of a scale, the latter for each
        painting; on a GPU, with the capture of an evaluation.
    swap_px: what a style swap adds to `targets_px`.
    calibration_px: that of the content, after the first scale.
    evaluation, evaluation_px: one evaluation, with the work of the optimizer.
    picture_px: reading the content, and making the picture of its size.
    segmentation: splitting a photo into regions.
    """

    start: float
    targets: float
    targets_px: float
    swap_px: float
    calibration_px: float
    evaluation: float
    evaluation_px: float
    picture_px: float
    segmentation: float


PROCESSOR = TimeModel(
    start=4.0,
    targets=0.1,
    targets_px=7e-6,
    swap_px=9e-6,
    calibration_px=7.5e-6,
    evaluation=0.03,
    evaluation_px=10.5e-6,
    picture_px=0.1e-6,
    segmentation=2.5,
)

# Launching kernels takes most of the time of all but the largest pictures.
GPU = TimeModel(
    start=5.0,
    targets=0.15,
    targets_px=5e-8,
    swap_px=5e-8,
    calibration_px=5e-8,
    evaluation=0.009,
    evaluation_px=1.6e-8,
    picture_px=0.1e-6,
    segmentation=1.5,
)

# The evaluations with other style losses than the default one, and of other modes, relative to it.
_OF_LOSS: Mapping[StyleLoss, float] = {StyleLoss.MMD_GAUSSIAN: 1.25}
_OF_MODE: Mapping[Mode, float] = {Mode.TEXTURE: 0.85, Mode.CONTENT: 0.75}
# The processor's time for an evaluation down to the first layer of a VGG's block, relative to that
# down to the fifth: what lies deeper is not evaluated.
_OF_DEPTH: Mapping[int, float] = {1: 0.085, 2: 0.25, 3: 0.39, 4: 0.71, 5: 1.0}
_LAYER = re.compile(r"relu([1-5])_[1-4]")


@dataclass(frozen=True)
class ScaleTime:
    """The seconds of one scale.

    side_px: of a square with as many pixels.
    evaluation_s: each of the `evaluations`; before_s, after_s: what precedes and follows them.
    """

    side_px: float
    evaluations: int
    evaluation_s: float
    before_s: float
    after_s: float = 0.0

    @property
    def seconds(self) -> float:
        """The seconds of the whole scale."""
        return self.until(self.evaluations) + self.after_s

    def until(self, evaluation: int) -> float:
        """Returns the seconds until the end of that evaluation, counted from 1."""
        return self.before_s + evaluation * self.evaluation_s


def scale_times(work: Work, model: TimeModel) -> Sequence[ScaleTime]:
    """Returns the time of each scale of a job."""
    settings = work.settings
    padding_px = circular_padding_px(settings)
    factor = _OF_LOSS.get(settings.style_loss, 1.0) * _OF_MODE.get(settings.mode, 1.0)
    factor *= _of_depth(settings) / _of_depth(StyleSettings(mode=settings.mode))
    is_swap = settings.mode is Mode.TRANSFER and settings.content_loss is ContentLoss.STYLE_SWAP
    times: list[ScaleTime] = []
    for scale in work.scales:
        ratio = scale.longest_side_px / work.longest_px
        px = (work.width * ratio + padding_px) * (work.height * ratio + padding_px)
        targets_px_s = work.paintings * (model.targets_px + is_swap * model.swap_px)
        targets_s = model.targets + px * targets_px_s
        evaluation_s = factor * (model.evaluation + px * model.evaluation_px)
        is_calibrated = is_swap and not (times or work.begun_px)
        after_s = px * model.calibration_px if is_calibrated else 0.0
        times.append(ScaleTime(px**0.5, scale.evaluations, evaluation_s, targets_s, after_s))
    return times


def _of_depth(settings: StyleSettings) -> float:
    """Returns the share of the network that is evaluated; 1 for networks that are no VGG."""
    content = [] if settings.mode is Mode.TEXTURE else parse_layer_weights(settings.content_layers)
    style = [] if settings.mode is Mode.CONTENT else parse_layer_weights(settings.style_layers)
    layers = [*content, *style]
    blocks = [_LAYER.fullmatch(layer) for layer in layers]
    return max(_OF_DEPTH[int(block[1])] if block else 1.0 for block in blocks)


def scale_of(scales: Sequence[ScaleTime], step: int) -> int:
    """Returns the index of the scale to which a step of the job, counted from 1, belongs."""
    for number, scale in enumerate(scales):
        step -= scale.evaluations
        if step <= 0:
            return number
    return len(scales) - 1


def seconds_until(scales: Sequence[ScaleTime], step: int) -> float:
    """Returns the seconds until the end of a step of the job, counted from 1."""
    number = scale_of(scales, step)
    before = scales[:number]
    step -= sum(scale.evaluations for scale in before)
    return sum(scale.seconds for scale in before) + scales[number].until(step)
