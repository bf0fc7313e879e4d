"""Conversion of images between their bytes on the wire and tensors.

No other module knows byte order, bit depth and alpha; this one knows nothing of painting.
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
"""The colour assumed of an image without a single visible pixel."""

_NUMBER_TYPES = {1: "<u1", 2: "<u2", 4: "<f4"}
"""The type of a stored number, by its bytes."""

_WHITE = {1: 255.0, 2: 65_535.0, 4: 1.0}
"""The stored value of white, by the bytes of a number."""


@dataclass(frozen=True)
class Pixels:
    """An image as tensors: float32 on the CPU, gamma-encoded (sRGB), in [0, 1].

    rgb: The colours as stored, also those of transparent pixels: (1, 3, H, W).
    alpha: The opacity, 1 for opaque: (1, 1, H, W). None if the format has none.
    """

    rgb: Tensor
    alpha: Tensor | None


def from_image(image: Image) -> Pixels:
    """Returns the pixels of `image`; floats outside [0, 1] are clamped, and NaN becomes 0."""
    white = _WHITE[image.format.bytes_per_channel]
    channels = torch.from_numpy(_to_unit_range(_stored(image), white))
    channels = channels.permute(2, 0, 1).unsqueeze(0).contiguous()  # (1, C, H, W)
    alpha = channels[:, 3:] if image.format.has_alpha else None
    return Pixels(channels[:, :3], alpha)


def repaint(image: Image, rgb: Tensor) -> Image:
    """Returns `image` with other colours: same size and format, its alpha unchanged bit for bit.

    rgb: (1, 3, H, W) of the image's size, any float dtype and device; clamped to [0, 1].

    Raises:
        ValueError: if rgb has another size.
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
    """Returns an image of 8 bits a channel: rgb (1, 3, H, W), alpha (1, 1, H, W), in [0, 1]."""
    channels = rgb if alpha is None else torch.cat((rgb, alpha), dim=1)
    pixel_format = PixelFormat.RGB_U8 if alpha is None else PixelFormat.RGBA_U8
    numbers = channels.detach().squeeze(0).permute(1, 2, 0).to("cpu", torch.float32).numpy()
    pixels = _from_unit_range(numbers, pixel_format).tobytes()
    return Image(rgb.shape[3], rgb.shape[2], pixel_format, pixels)


def over(background: Tensor, pixels: Pixels) -> Tensor:
    """Returns the colours of `pixels` composited over `background` (1, 3, 1, 1): (1, 3, H, W)."""
    if pixels.alpha is None:
        return pixels.rgb
    return torch.lerp(background.to(pixels.rgb.dtype), pixels.rgb, pixels.alpha)


def resample(rgb: Tensor, height: int, width: int) -> Tensor:
    """Returns `rgb` (N, C, H, W) resized to height × width by antialiased bicubic filtering.

    The filter overshoots at edges: values may leave [0, 1].
    """
    if rgb.shape[2:] == (height, width):
        return rgb
    return functional.interpolate(rgb, (height, width), mode="bicubic", antialias=True)


def resize(rgb: Tensor, height: int, width: int) -> Tensor:
    """Returns `rgb` (N, C, H, W) in [0, 1] resized to height × width, and clamped to [0, 1]."""
    resampled = resample(rgb, height, width)
    return resampled if resampled is rgb else resampled.clamp(0, 1)


def fit(rgb: Tensor, longest_side_px: int) -> Tensor:
    """Returns `rgb` (N, C, H, W), reduced if its longest side exceeds `longest_side_px`."""
    return resize(rgb, *fitted_size(rgb.shape[2], rgb.shape[3], longest_side_px))


def _stored(image: Image) -> NDArray[Any]:
    """Returns the numbers of `image` as stored: (H, W, C), read-only if its bytes are."""
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
