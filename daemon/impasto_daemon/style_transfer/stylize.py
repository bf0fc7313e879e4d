"""A whole job: a photo and paintings in, an image of the photo's size and format out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from impasto_daemon.style_transfer.images import colours
from impasto_daemon.style_transfer.images.guided_upsampling import GuidedUpsampler
from impasto_daemon.style_transfer.images.optical_flow import brought_along
from impasto_daemon.style_transfer.images.pixels import Pixels, resize, to_image
from impasto_daemon.style_transfer.images.regions import Region, reduced_mask, regions_of
from impasto_daemon.style_transfer.images.source_image import Paint, SourceImage
from impasto_daemon.style_transfer.images.tileable import CircularUpsampler
from impasto_daemon.style_transfer.losses.temporal import FormerFrame
from impasto_daemon.style_transfer.networks.network import ConvolutionChain, Network
from impasto_daemon.style_transfer.optimize import Optimisation, ShouldStop
from impasto_daemon.style_transfer.paint_scale import ScalePainter
from impasto_daemon.style_transfer.planning.scales import Scale, plan_scales
from impasto_daemon.style_transfer.warm_start import COLD, CoarsePicture, WarmStart, shortened
from impasto_shared.beginning import Beginning
from impasto_shared.errors import InvalidSettings
from impasto_shared.image import Image
from impasto_shared.settings import Colours, Mode, StyleSettings
from impasto_shared.style import Style
from impasto_shared.text.sentences import sentence


@dataclass(frozen=True)
class Step:
    """The end of one evaluation: number `step` (from 1) of `steps`, which gave `loss`.

    done: the fraction of the whole work that is done, in [0, 1]; the finer scales take the most.
    side_px: the longest side at which the picture is being painted.
    preview: makes the picture as it would be if the job ended now, with the given longest side or
        a smaller one: 8 bits a channel, with alpha if the photo has alpha.
    """

    step: int
    steps: int
    loss: float
    done: float
    side_px: int
    preview: Callable[[int], Image]


OnStep = Callable[[Step], None]
"""Called after every evaluation."""


def stylize(
    network: Network,
    content: Image,
    styles: Sequence[Style],
    settings: StyleSettings,
    *,
    begin_from: Beginning | None = None,
    on_step: OnStep = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    available_bytes: float = math.inf,
    warm_start: WarmStart = COLD,
) -> Image:
    """Returns `content` painted in `styles`: the same size, format and alpha.

    The same images, settings and seed give the same bytes on the same CPU, without a warm start.

    styles: may be empty to paint the content alone; the style alone needs only content's size.
    begin_from: a picture painted earlier, whose composition remains; None: from the start.
    on_step: called after every evaluation.
    should_stop: as in `optimize.Optimisation`; a job that is stopped returns what it has painted.
    available_bytes: of the network's device, for this process: the image is evaluated in tiles
        that fit, and in smaller ones if memory runs out all the same.
    warm_start: what former pictures by `network` have left, and this one is to leave.

    Raises:
        InvalidImage: if a region or the part of a painting is empty.
        InvalidSettings: for a layer that the network lacks, and for what it cannot do.
        FlowMissing: if a frame cannot be moved, because OpenCV is not installed.
        MemoryError: if there is not enough for any way to paint it.
        NotFinite: if the loss or its gradient is infinite or not a number.
    """
    if settings.tileable and not isinstance(network, ConvolutionChain):
        raise InvalidSettings(
            "tileable",
            # How far the layers of other networks reach is not known.
            sentence("only-vgg-tileable"),
        )
    source = SourceImage(content)
    photo = source.fitted(settings.size).rgb
    target, regions = _recoloured(photo, _regions(styles, settings), settings)
    if begin_from is not None:
        warm_start = COLD
        begin_from = brought_along(begin_from, content)
    begun_px = 0 if begin_from is None else begin_from.size
    follows = begin_from is not None and begin_from.is_frame
    side_px = min(settings.size, max(photo.shape[2:]))
    scales = plan_scales(side_px, settings, begun_px, follows=follows)
    optimisation = Optimisation(network, settings, should_stop, warm_start.targets)
    painter = ScalePainter(optimisation, target, regions, available_bytes)
    coarse = warm_start.find(target, regions, settings)
    if begin_from is not None:
        beginning = _beginning(begin_from, settings)
        if begin_from.trust is not None:
            painter.follow(_former(begin_from.trust, beginning))
        painter.begin_with(beginning)
        painter.calibrate(painter.painted)
    elif coarse is not None:
        scales = shortened(scales)
        painter.begin_with(coarse.painted)
    progress = _ProgressReporter(scales, _Previews(source, settings), on_step)
    for scale in scales:
        if painter.paint(scale, partial(progress.of, scale)).stopped:
            break
        if scale is scales[0]:
            count = scale.evaluations + (coarse.evaluations if coarse else 0)
            warm_start.keep(target, regions, settings, CoarsePicture(painter.painted, count))
    return source.repainted(_finishing(painter.painted, photo, settings, *source.size))


def _beginning(begin_from: Beginning, settings: StyleSettings) -> Tensor:
    """Returns the picture to begin from, reduced to the size, in the colours to paint with."""
    rgb = SourceImage(begin_from.image).fitted(settings.size).rgb
    is_grey = settings.mode is Mode.TRANSFER and settings.colours is Colours.PHOTO
    return colours.grey(rgb) if is_grey else rgb


def _former(trust: Image, painted: Tensor) -> FormerFrame:
    """Returns the frame before this one, whose mask is white where it is trusted."""
    grey = SourceImage(trust).fitted(max(painted.shape[2:])).rgb.mean(dim=1, keepdim=True)
    return FormerFrame(painted, reduced_mask(grey, *painted.shape[2:]))


def _regions(styles: Sequence[Style], settings: StyleSettings) -> list[Region]:
    """Returns the regions of `styles`, their paintings reduced to the largest size needed."""
    if settings.mode is Mode.CONTENT:
        return []
    painting_px = math.ceil(settings.size * max(1.0, settings.style_scale))
    return regions_of(styles, region_px=settings.size, painting_px=painting_px)


def _recoloured(
    photo: Tensor, regions: list[Region], settings: StyleSettings
) -> tuple[Tensor, list[Region]]:
    """Returns the photo and the regions in the colours that are painted with."""
    if settings.mode is Mode.TRANSFER and settings.colours is Colours.PHOTO:
        return colours.grey(photo), [region.mapped(rgb=colours.grey) for region in regions]
    if settings.mode is Mode.TRANSFER and settings.colours is Colours.MATCHED:
        return photo, [
            region.mapped(rgb=lambda rgb: colours.match(rgb, photo)) for region in regions
        ]
    return photo, regions


def _finishing(
    painted: Tensor, photo: Tensor, settings: StyleSettings, height: int, width: int
) -> Paint:
    """Returns what makes rows of the final picture: height × width, in its final colours.

    photo: (1, 3, H, W), no smaller than `painted`.
    """
    painted = painted.cpu()
    upsampled: GuidedUpsampler | CircularUpsampler
    if settings.tileable:
        upsampled = CircularUpsampler(painted, height, width)
    else:
        guide = resize(photo, *painted.shape[2:]) if settings.mode is Mode.TRANSFER else None
        upsampled = GuidedUpsampler(painted, guide, height, width)

    def paint(photo_rows: Tensor, rows: slice) -> Tensor:
        result = upsampled.rows(photo_rows, rows)
        if settings.mode is Mode.TRANSFER and settings.colours is Colours.PHOTO:
            return colours.with_luminance_of(photo_rows, result)
        return result

    return paint


class _Previews:
    """Makes small pictures of what has been painted so far."""

    def __init__(self, source: SourceImage, settings: StyleSettings) -> None:
        self._source = source
        self._settings = settings
        self._reduced: dict[int, Pixels] = {}

    def __call__(self, painted: Tensor, longest_side_px: int) -> Image:
        """Returns the picture as it would be finished now, reduced to `longest_side_px`."""
        if longest_side_px not in self._reduced:
            self._reduced[longest_side_px] = self._source.fitted(longest_side_px)
        rgb, alpha = self._reduced[longest_side_px].rgb, self._reduced[longest_side_px].alpha
        height, width = rgb.shape[2:]
        paint = _finishing(painted, rgb, self._settings, height, width)
        return to_image(paint(rgb, slice(0, height)), alpha)


class _ProgressReporter:
    """Counts the evaluations over all scales, and the fraction of the work that they are."""

    def __init__(self, scales: list[Scale], previews: _Previews, on_step: OnStep) -> None:
        self._scales = scales
        self._previews = previews
        self._steps = sum(scale.evaluations for scale in scales)
        self._cost = sum(scale.cost for scale in scales)
        self._on_step = on_step
        self._step = 0
        self._spent = 0.0

    def of(self, scale: Scale) -> Callable[[float, Tensor], None]:
        """Returns what is to be called after every evaluation of an attempt at `scale`."""
        # The scale before may have ended early, and an attempt may have run out of memory.
        before = self._scales[: self._scales.index(scale)]
        self._step = sum(earlier.evaluations for earlier in before)
        self._spent = sum(earlier.cost for earlier in before)
        return partial(self._report, scale)

    def _report(self, scale: Scale, loss: float, best: Tensor) -> None:
        self._step += 1
        self._spent += scale.cost / scale.evaluations
        done = min(1.0, self._spent / self._cost)
        preview = partial(self._previews, best)
        self._on_step(Step(self._step, self._steps, loss, done, scale.longest_side_px, preview))
