"""Paints one scale after another: sizes, masks and the initial image of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.initial_image import initial_image
from impasto_daemon.style_transfer.images.pixels import fit, resize
from impasto_daemon.style_transfer.images.regions import Region, reduced_mask
from impasto_daemon.style_transfer.images.tileable import resize_circular, tileable_size
from impasto_daemon.style_transfer.losses.temporal import FormerFrame
from impasto_daemon.style_transfer.networks.network import MIN_SIDE_PX, UntiledNetwork
from impasto_daemon.style_transfer.optimize import OnEvaluation, Optimisation, Result
from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR
from impasto_daemon.style_transfer.planning.layouts import masks_pay
from impasto_daemon.style_transfer.planning.memory_plan import ScaleWork
from impasto_daemon.style_transfer.planning.padding import circular_padding_px
from impasto_daemon.style_transfer.planning.scales import COARSEST_PX, Scale
from impasto_daemon.style_transfer.runtime.oom_retry import OomRetry
from impasto_shared.layer_weights import parse_layer_weights

logger = logging.getLogger(__name__)


class ScalePainter:
    """Paints `photo` (1, 3, H, W) at one scale after another, each starting from the last result.

    available_bytes: see `stylize`.
    """

    def __init__(
        self,
        optimisation: Optimisation,
        photo: Tensor,
        regions: Sequence[Region],
        available_bytes: float,
    ) -> None:
        self._optimisation = optimisation
        self._settings = optimisation.settings
        self._network = optimisation.network
        self._photo = photo
        self._regions = regions
        self._retry = OomRetry(available_bytes)
        self._painted: Tensor | None = None
        self._former: FormerFrame | None = None

    @property
    def painted(self) -> Tensor:
        """The image painted at the last scale, (1, 3, h, w), on the CPU."""
        if self._painted is None:
            raise ValueError("there is no scale to paint at")
        return self._painted

    def begin_with(self, painted: Tensor) -> None:
        """Has the first scale begin as if `painted` (1, 3, h, w) were from the one before."""
        self._painted = painted

    def follow(self, former: FormerFrame) -> None:
        """Has every scale keep the paint of the frame before; it has the photo's proportions."""
        self._former = former

    def calibrate(self, painted: Tensor) -> None:
        """Has `painted` (1, 3, h, w) tell how much content the pair needs.

        Otherwise the first scale would.
        """
        content = fit(self._photo, COARSEST_PX)
        height, width = content.shape[2:]
        regions = [
            region.mapped(mask=lambda mask: reduced_mask(mask, height, width))
            for region in self._regions
        ]
        reduced = resize(painted, height, width)
        self._optimisation.calibrate(self._ready(content), regions, self._ready(reduced))

    def paint(self, scale: Scale, new_report: Callable[[], OnEvaluation]) -> Result:
        """Paints the photo at `scale`.

        new_report: called before each attempt; returns what is called after its evaluations.

        Raises:
            InvalidSettings, MemoryError, NotFinite: as `stylize` does.
        """
        content = fit(self._photo, scale.longest_side_px)
        if self._settings.tileable:
            content = resize_circular(self._photo, *tileable_size(*content.shape[2:]))
        height, width = content.shape[2:]
        regions = [
            _scaled(region, height, width, scale.longest_side_px, self._settings.style_scale)
            for region in self._regions
        ]
        former = self._former and self._former.resized(height, width)
        for attempt in self._retry.attempts(self._work(content, regions, scale.evaluations)):
            with attempt as plan:
                logger.info("%d × %d pixels are painted %s", width, height, plan)
                result = self._optimisation.run(
                    self._ready(content),
                    [self._ready_region(region) for region in regions],
                    self._ready(self._initial(content, regions)),
                    scale.evaluations,
                    plan,
                    partial(_report_cropped, new_report(), height, width),
                    former and former.mapped(self._ready),
                )
        self._painted = result.rgb[:, :, :height, :width].cpu()
        return result

    def _work(self, content: Tensor, regions: Sequence[Region], evaluations: int) -> ScaleWork:
        """Returns the numbers that the memory planner needs of a scale."""
        height, width = content.shape[2:]
        padding_px = circular_padding_px(self._settings)
        layers = (
            parse_layer_weights(self._settings.content_layers).keys()
            | parse_layer_weights(self._settings.style_layers).keys()
        )
        network = self._network
        return ScaleWork(
            height + padding_px,
            width + padding_px,
            _largest_painting_px(regions),
            evaluations,
            self._settings.optimizer,
            network.number_bytes,
            network.untiled_bytes(layers) if isinstance(network, UntiledNetwork) else None,
            PROCESSOR if network.device.type == "cpu" else GPU,
            masks_pay(self._settings),
        )

    def _initial(self, content: Tensor, regions: Sequence[Region]) -> Tensor:
        """Returns the initial image of a scale, in the shape of `content`."""
        if self._painted is None:
            style = regions[0].paintings[0].rgb if regions else content
            return initial_image(content, style, self._settings)
        resized = resize_circular if self._settings.tileable else resize
        return resized(self._painted, *content.shape[2:])

    def _ready_region(self, region: Region) -> Region:
        return region.mapped(rgb=self._ready, part=self._ready, mask=self._ready)

    def _ready(self, image: Tensor) -> Tensor:
        """Returns `image` on the network's device, and no smaller than the network takes."""
        return pad_to_min(image).to(self._network.device)


def _report_cropped(
    report: OnEvaluation, height: int, width: int, loss: float, best: Tensor
) -> None:
    """Reports an evaluation without the padding of the image."""
    report(loss, best[:, :, :height, :width])


def _largest_painting_px(regions: Sequence[Region]) -> int:
    sizes = (painting.rgb.shape[2:] for region in regions for painting in region.paintings)
    return max((height * width for height, width in sizes), default=0)


def _scaled(
    region: Region, height: int, width: int, longest_side_px: int, style_scale: float
) -> Region:
    """Returns `region` of an image of height × width.

    Its paintings are as large as the image, or have their own size if that is smaller, times
    `style_scale`: above 1 they may be enlarged, and the strokes a little soft.
    """

    def sized(painting: Tensor) -> Tensor:
        side = max(MIN_SIDE_PX, longest_side_px)
        factor = min(1.0, side / max(painting.shape[2:])) * style_scale
        return resize(painting, *(max(1, round(length * factor)) for length in painting.shape[2:]))

    return region.mapped(rgb=sized, part=sized, mask=lambda mask: reduced_mask(mask, height, width))


def pad_to_min(rgb: Tensor) -> Tensor:
    """Returns `rgb` (N, C, H, W) with its last row and column repeated up to MIN_SIDE_PX a side."""
    below = max(0, MIN_SIDE_PX - rgb.shape[2])
    right = max(0, MIN_SIDE_PX - rgb.shape[3])
    return functional.pad(rgb, (0, right, 0, below), mode="replicate")
