"""One whole job: two images in, one image of the first one's size and format out."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.optimize import OnStep, ShouldStop, transfer
from impasto_daemon.style_transfer.tensors import from_image, repaint, resize, visible_colours
from impasto_daemon.style_transfer.vgg import VGG
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings

# Four pooling layers leave 2 × 2 of it at relu5_1.
MIN_SIDE_PX = 32


def stylize(
    network: VGG,
    content: Image,
    style: Image,
    settings: StyleSettings,
    *,
    on_step: OnStep = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> Image:
    """`content` painted in the style of `style`: same size, same format, same alpha.

    `on_step` and `should_stop` as in `optimize.transfer`; when stopped, what has been painted
    by then comes back. The same images, settings and seed give the same bytes on the same CPU.

    Raises:
        NotFinite: when the loss or its gradient is infinite or not a number.
    """
    photo = visible_colours(from_image(content))
    work = fit(photo, settings.size)
    painting = fit(visible_colours(from_image(style)), max(work.shape[2:]))
    result = transfer(
        network,
        pad_to_min(work).to(network.device),
        pad_to_min(painting).to(network.device),
        settings,
        on_step=on_step,
        should_stop=should_stop,
    )
    painted = result.rgb[:, :, : work.shape[2], : work.shape[3]].cpu()
    return repaint(content, resize(painted, content.height, content.width))


def fit(rgb: Tensor, longest_side_px: int) -> Tensor:
    """`rgb` (N, C, H, W) scaled down so that its longest side is `longest_side_px`; never up."""
    height, width = rgb.shape[2:]
    scale = min(1.0, longest_side_px / max(height, width))
    return resize(rgb, max(1, round(height * scale)), max(1, round(width * scale)))


def pad_to_min(rgb: Tensor) -> Tensor:
    """`rgb` (N, C, H, W) with its last row and column repeated up to `MIN_SIDE_PX` a side."""
    below = max(0, MIN_SIDE_PX - rgb.shape[2])
    right = max(0, MIN_SIDE_PX - rgb.shape[3])
    return functional.pad(rgb, (0, right, 0, below), mode="replicate")
