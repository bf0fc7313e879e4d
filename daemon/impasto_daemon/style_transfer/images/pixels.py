"""Images as they cross the wire, to tensors and back.

The only place that knows byte order, bit depth and alpha; it must not know what is painted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from impasto_shared.image import Image, PixelFormat, fitted_size

MID_GREY = 0.5
"""What a picture without a single visible pixel is taken to look like."""

_NUMBER_TYPES = {1: "<u1", 2: "<u2", 4: "<f4"}
"""How a number of so many bytes is stored."""

_WHITE = {1: 255.0, 2: 65_535.0, 4: 1.0}
"""What 1 is stored as in a number of so many bytes."""


@dataclass(frozen=True)
class Picture:
    """A picture as tensors: float32 on the CPU, gamma-encoded (sRGB), all within [0, 1].

    rgb: (1, 3, H, W), colours as stored, also where they are hidden.
    alpha: (1, 1, H, W), 1 for opaque; None where the format has none.
    """

    rgb: Tensor
    alpha: Tensor | None


def from_image(image: Image) -> Picture:
    """The picture in `image`; floats outside [0, 1] are clamped, and NaN becomes 0."""
    white = _WHITE[image.format.bytes_per_channel]
    channels = torch.from_numpy(_to_unit_range(_stored(image), white))
    channels = channels.permute(2, 0, 1).unsqueeze(0).contiguous()  # (1, C, H, W)
    alpha = channels[:, 3:] if image.format.has_alpha else None
    return Picture(channels[:, :3], alpha)


def repaint(image: Image, rgb: Tensor) -> Image:
    """`image` with other colours: same size and format, its alpha untouched bit by bit.

    rgb: (1, 3, H, W) of the image's own size, any float dtype and device; clamped to [0, 1].
    """
    if rgb.shape != (1, 3, image.height, image.width):
        raise ValueError(
            f"rgb is {tuple(rgb.shape)}; the image is {image.width} × {image.height} pixels"
        )
    pixels = _stored(image).copy()
    colours = rgb.detach().squeeze(0).permute(1, 2, 0).to("cpu", torch.float32).numpy()
    pixels[:, :, :3] = _from_unit_range(colours, image.format)
    return Image(image.width, image.height, image.format, pixels.tobytes())


def to_image(rgb: Tensor, alpha: Tensor | None = None) -> Image:
    """A picture of 8 bits a channel: rgb (1, 3, H, W), alpha (1, 1, H, W), both in [0, 1]."""
    channels = rgb if alpha is None else torch.cat((rgb, alpha), dim=1)
    pixel_format = PixelFormat.RGB_U8 if alpha is None else PixelFormat.RGBA_U8
    numbers = channels.detach().squeeze(0).permute(1, 2, 0).to("cpu", torch.float32).numpy()
    pixels = _from_unit_range(numbers, pixel_format).tobytes()
    return Image(rgb.shape[3], rgb.shape[2], pixel_format, pixels)


def over(background: Tensor, picture: Picture) -> Tensor:
    """The colours of `picture` laid over `background` (1, 3, 1, 1): (1, 3, H, W)."""
    if picture.alpha is None:
        return picture.rgb
    return torch.lerp(background.to(picture.rgb.dtype), picture.rgb, picture.alpha)


def resample(rgb: Tensor, height: int, width: int) -> Tensor:
    """`rgb` (N, C, H, W) scaled to height × width, by antialiased bicubic filtering.

    It overshoots at edges: numbers in [0, 1] may leave it.
    """
    if rgb.shape[2:] == (height, width):
        return rgb
    return functional.interpolate(rgb, (height, width), mode="bicubic", antialias=True)


def resize(rgb: Tensor, height: int, width: int) -> Tensor:
    """`rgb` (N, C, H, W) in [0, 1] scaled to height × width, and in [0, 1] again."""
    scaled = resample(rgb, height, width)
    return scaled if scaled is rgb else scaled.clamp(0, 1)


def fit(rgb: Tensor, longest_side_px: int) -> Tensor:
    """`rgb` (N, C, H, W) scaled down so that its longest side is `longest_side_px`; never up."""
    return resize(rgb, *fitted_size(rgb.shape[2], rgb.shape[3], longest_side_px))


def _stored(image: Image) -> NDArray[Any]:
    """The numbers of `image` as they are stored: (H, W, C), read-only where its bytes are."""
    numbers = np.frombuffer(image.pixels, dtype=_NUMBER_TYPES[image.format.bytes_per_channel])
    return numbers.reshape(image.height, image.width, image.format.channels)


def _to_unit_range(stored: NDArray[Any], white: float) -> NDArray[np.float32]:
    values = np.nan_to_num(stored.astype(np.float32), nan=0.0)
    unit: NDArray[np.float32] = np.clip(values / np.float32(white), 0, 1)
    return unit


def _from_unit_range(values: NDArray[np.float32], pixel_format: PixelFormat) -> NDArray[Any]:
    number_type = _NUMBER_TYPES[pixel_format.bytes_per_channel]
    white = np.float32(_WHITE[pixel_format.bytes_per_channel])
    stored: NDArray[Any] = np.clip(np.nan_to_num(values, nan=0.0), 0, 1) * white
    if pixel_format.bytes_per_channel < 4:
        stored = np.rint(stored)
    return stored.astype(number_type)
