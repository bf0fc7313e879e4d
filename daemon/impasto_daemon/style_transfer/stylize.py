"""One whole job: a photo and paintings in, an image of the photo's size and format out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images import colours
from impasto_daemon.style_transfer.images.guided_upsampling import Enlarged
from impasto_daemon.style_transfer.images.initial_image import starting_picture
from impasto_daemon.style_transfer.images.pixels import Picture, fit, resize, to_image
from impasto_daemon.style_transfer.images.regions import Region, reduced_mask, regions_of
from impasto_daemon.style_transfer.images.source_image import Layer, Paint
from impasto_daemon.style_transfer.images.tileable import (
    EnlargedWrapped,
    resize_wrapped,
    whole_units,
)
from impasto_daemon.style_transfer.networks.network import MIN_SIDE_PX, Network
from impasto_daemon.style_transfer.optimize import (
    OnEvaluation,
    ShouldStop,
    Transfer,
    transfer,
)
from impasto_daemon.style_transfer.optimizers.registry import new_minimiser
from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR
from impasto_daemon.style_transfer.planning.memory_plan import Plan, Work, gates_pay, px_around
from impasto_daemon.style_transfer.planning.scales import Scale, plan_scales
from impasto_daemon.style_transfer.runtime.oom_retry import OomRetry
from impasto_shared.errors import InvalidSettings
from impasto_shared.image import Image
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import Colours, Mode, StyleSettings
from impasto_shared.style import Style


@dataclass(frozen=True)
class Step:
    """One evaluation done: it was number `step` (from 1) of `steps` and found `loss`.

    done: the part of the whole work that is done, in [0, 1]; the finer scales take the most.
    preview: what the picture would be if it ended now, made when called, with the longest side
        that is given, or smaller: 8 bits a channel, with alpha where the photo has alpha.
    """

    step: int
    steps: int
    loss: float
    done: float
    preview: Callable[[int], Image]


OnStep = Callable[[Step], None]


def stylize(
    network: Network,
    content: Image,
    styles: Sequence[Style],
    settings: StyleSettings,
    *,
    on_step: OnStep = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    available_bytes: float = math.inf,
) -> Image:
    """`content` painted in `styles`: same size, same format, same alpha.

    styles: none are needed for the content alone; the style alone needs only the size of content.
    on_step: called after every evaluation.
    should_stop: as in `optimize.transfer`; when stopped, what has been painted by then comes
        back. The same images, settings and seed give the same bytes on the same CPU.
    available_bytes: of the network's device, for this process: the picture is seen in tiles that
        fit into it, and in smaller ones where it proves to be less.

    Raises:
        InvalidImage: where a region or a part is empty.
        InvalidSettings: for a layer that the network lacks, and for what it cannot do.
        MemoryError: where there is not enough for any way to paint it.
        NotFinite: when the loss or its gradient is infinite or not a number.
    """
    if settings.tileable and not network.can_tile:
        raise InvalidSettings(
            "tileable",
            "With this model a picture cannot be made tileable: it is not known how far its layers "
            "reach. Choose a VGG, or switch Tileable off.",
        )
    layer = Layer(content)
    photo = layer.fitted(settings.size).rgb
    regions = (
        []
        if settings.mode is Mode.CONTENT
        else regions_of(
            styles,
            region_px=settings.size,
            painting_px=math.ceil(settings.size * max(1.0, settings.style_scale)),
        )
    )
    seen = photo
    if settings.mode is Mode.TRANSFER and settings.colours is Colours.PHOTO:
        seen = colours.grey(photo)
        regions = [region.mapped(rgb=colours.grey) for region in regions]
    elif settings.mode is Mode.TRANSFER and settings.colours is Colours.MATCHED:
        regions = [region.mapped(rgb=lambda rgb: colours.match(rgb, photo)) for region in regions]
    preview = _Previews(layer, settings)
    oom_retry = OomRetry(available_bytes)
    painted = _paint(network, seen, regions, settings, oom_retry, preview, on_step, should_stop)
    return layer.repainted(_finishing(painted, photo, settings, *layer.size))


def _finishing(
    painted: Tensor, photo: Tensor, settings: StyleSettings, height: int, width: int
) -> Paint:
    """What was painted, at height × width and with the colours that are wanted.

    photo: (1, 3, H, W), the photo no smaller than what was painted over it.
    """
    painted = painted.cpu()
    enlarged: Enlarged | EnlargedWrapped
    if settings.tileable:
        enlarged = EnlargedWrapped(painted, height, width)
    else:
        guide = resize(photo, *painted.shape[2:]) if settings.mode is Mode.TRANSFER else None
        enlarged = Enlarged(painted, guide, height, width)

    def finished(seen: Tensor, rows: slice) -> Tensor:
        large = enlarged.rows(seen, rows)
        if settings.mode is Mode.TRANSFER and settings.colours is Colours.PHOTO:
            return colours.with_luminance_of(seen, large)
        return large

    return finished


def _sized(painted: Tensor, height: int, width: int, settings: StyleSettings) -> Tensor:
    return (resize_wrapped if settings.tileable else resize)(painted, height, width)


class _Previews:
    """Makes small pictures of what has been painted so far over `layer`."""

    def __init__(self, layer: Layer, settings: StyleSettings) -> None:
        self._layer = layer
        self._settings = settings
        self._reduced: dict[int, Picture] = {}

    def __call__(self, painted: Tensor, longest_side_px: int) -> Image:
        if longest_side_px not in self._reduced:
            self._reduced[longest_side_px] = self._layer.fitted(longest_side_px)
        rgb, alpha = self._reduced[longest_side_px].rgb, self._reduced[longest_side_px].alpha
        height, width = rgb.shape[2:]
        finished = _finishing(painted, rgb, self._settings, height, width)
        return to_image(finished(rgb, slice(0, height)), alpha)


def _paint(
    network: Network,
    photo: Tensor,
    regions: Sequence[Region],
    settings: StyleSettings,
    oom_retry: OomRetry,
    preview: Callable[[Tensor, int], Image],
    on_step: OnStep,
    should_stop: ShouldStop,
) -> Tensor:
    """`photo` (1, 3, H, W) painted scale after scale, at the size of the last one, on the CPU."""
    scales = plan_scales(min(settings.size, max(photo.shape[2:])), settings)
    tell = _Telling(scales, preview, on_step)
    minimiser = new_minimiser(settings.optimizer)
    painted: Tensor | None = None
    for scale in scales:
        work = fit(photo, scale.longest_side_px)
        if settings.tileable:
            work = resize_wrapped(photo, *whole_units(*work.shape[2:]))
        height, width = work.shape[2:]
        scaled = [
            _scaled(region, height, width, scale.longest_side_px, settings.style_scale)
            for region in regions
        ]

        def attempt(
            plan: Plan,
            work: Tensor = work,
            scaled: Sequence[Region] = scaled,
            painted: Tensor | None = painted,
            scale: Scale = scale,
        ) -> Transfer:
            return transfer(
                network,
                pad_to_min(work).to(network.device),
                [_ready(region, network) for region in scaled],
                pad_to_min(_start(painted, work, scaled, settings)).to(network.device),
                scale.evaluations,
                settings,
                minimiser,
                plan,
                on_evaluation=tell.of(scale, *work.shape[2:]),
                should_stop=should_stop,
            )

        result = oom_retry.run(
            _memory_work(network, settings, work, scaled, scale.evaluations), attempt
        )
        painted = result.rgb[:, :, :height, :width].cpu()
        if result.stopped:
            break
    if painted is None:
        raise ValueError("there is no scale to paint at")
    return painted


def _start(
    painted: Tensor | None, work: Tensor, regions: Sequence[Region], settings: StyleSettings
) -> Tensor:
    """What a scale begins with, in the shape of `work`: what the one before has painted, if any."""
    if painted is not None:
        return _sized(painted, work.shape[2], work.shape[3], settings)
    style = regions[0].paintings[0].rgb if regions else work
    return starting_picture(work, style, settings)


def _memory_work(
    network: Network,
    settings: StyleSettings,
    photo: Tensor,
    regions: Sequence[Region],
    evaluations: int,
) -> Work:
    """Returns the numbers that the memory planner needs of a scale."""
    height, width = photo.shape[2:]
    around_px = px_around(settings)
    return Work(
        height + around_px,
        width + around_px,
        _largest_painting_px(regions),
        evaluations,
        settings.optimizer,
        network.number_bytes,
        network.untiled_bytes(
            parse_layer_weights(settings.content_layers).keys()
            | parse_layer_weights(settings.style_layers).keys()
        ),
        GPU if network.device.type == "cuda" else PROCESSOR,
        gates_pay(settings),
    )


def _largest_painting_px(regions: Sequence[Region]) -> int:
    sizes = (painting.rgb.shape[2:] for region in regions for painting in region.paintings)
    return max((height * width for height, width in sizes), default=0)


def _scaled(
    region: Region, height: int, width: int, longest_side_px: int, style_scale: float
) -> Region:
    """`region` of a picture of height × width.

    Its paintings are as large as the picture, or as they are where that is less, × `style_scale`:
    with more than 1 they may be larger than they are, and the strokes a little soft.
    """

    def sized(painting: Tensor) -> Tensor:
        side = max(MIN_SIDE_PX, longest_side_px)
        factor = min(1.0, side / max(painting.shape[2:])) * style_scale
        return resize(painting, *(max(1, round(length * factor)) for length in painting.shape[2:]))

    return region.mapped(rgb=sized, part=sized, mask=lambda mask: reduced_mask(mask, height, width))


def _ready(region: Region, network: Network) -> Region:
    """Everything of `region` on the network's device, and no smaller than the network takes."""

    def ready(picture: Tensor) -> Tensor:
        return pad_to_min(picture).to(network.device)

    return region.mapped(rgb=ready, part=ready, mask=ready)


class _Telling:
    """Counts the evaluations over all scales, and how much of the work they are."""

    def __init__(
        self, scales: list[Scale], preview: Callable[[Tensor, int], Image], on_step: OnStep
    ) -> None:
        self._scales = scales
        self._preview = preview
        self._steps = sum(scale.evaluations for scale in scales)
        self._cost = sum(scale.cost for scale in scales)
        self._on_step = on_step
        self._step = 0
        self._spent = 0.0

    def of(self, scale: Scale, height: int, width: int) -> OnEvaluation:
        """What is to be called after every evaluation at `scale`, height × width pixels."""
        # A scale may have ended before its evaluations were used up.
        before = self._scales[: self._scales.index(scale)]
        self._step = sum(earlier.evaluations for earlier in before)
        self._spent = sum(earlier.cost for earlier in before)

        def on_evaluation(loss: float, best: Tensor) -> None:
            self._step += 1
            self._spent += scale.cost / scale.evaluations
            done = min(1.0, self._spent / self._cost)
            preview = partial(self._preview, best[:, :, :height, :width])
            self._on_step(Step(self._step, self._steps, loss, done, preview))

        return on_evaluation


def pad_to_min(rgb: Tensor) -> Tensor:
    """`rgb` (N, C, H, W) with its last row and column repeated up to `MIN_SIDE_PX` a side."""
    below = max(0, MIN_SIDE_PX - rgb.shape[2])
    right = max(0, MIN_SIDE_PX - rgb.shape[3])
    return functional.pad(rgb, (0, right, 0, below), mode="replicate")
