"""A layer of any size, strip by strip: beside its bytes and the result's nothing is as large."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.pixels import (
    MID_GREY,
    Picture,
    from_image,
    over,
    repaint,
    resample,
)
from impasto_shared.image import Image, fitted_size

# Few enough that what is calculated for a strip takes some megabytes (docs/benchmarks.md).
_STRIP_PIXELS = 2**17

Paint = Callable[[Tensor, slice], Tensor]
"""New colours (1, 3, h, W) for some rows, given what can be seen of these and which they are."""


class Layer:
    """The picture in `image`; whatever colours its transparent pixels hide are not seen.

    They would leak into the style. The colours are laid over the mean of what can be seen, which
    adds least of its own.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._background = self._mean_colour() if image.format.has_alpha else None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self._image.height, self._image.width

    def fitted(self, longest_side_px: int) -> Picture:
        """All of it, scaled down so that its longest side is `longest_side_px`; never up."""
        height, width = fitted_size(*self.size, longest_side_px)
        # Filtering goes first along the rows, each by itself, and then along the columns.
        narrow = torch.empty(1, self._image.format.channels, self._image.height, width)
        for rows, strip in strips(self._image):
            seen = self._seen(strip)
            narrow[:, :3, rows] = resample(seen.rgb, seen.rgb.shape[2], width)
            if seen.alpha is not None:
                narrow[:, 3:, rows] = resample(seen.alpha, seen.alpha.shape[2], width)
        channels = resample(narrow, height, width).clamp_(0, 1)
        return Picture(channels[:, :3], channels[:, 3:] if self._image.format.has_alpha else None)

    def repainted(self, paint: Paint) -> Image:
        """An image of the same size and format with other colours, its alpha bit by bit."""
        pixels = bytearray(memoryview(self._image.pixels).nbytes)
        row_bytes = self._image.width * self._image.format.bytes_per_pixel
        for rows, strip in strips(self._image):
            painted = repaint(strip, paint(self._seen(strip).rgb, rows))
            pixels[rows.start * row_bytes : rows.stop * row_bytes] = painted.pixels
        return Image(self._image.width, self._image.height, self._image.format, memoryview(pixels))

    def _seen(self, strip: Image) -> Picture:
        picture = from_image(strip)
        if self._background is None:
            return picture
        return Picture(over(self._background, picture), picture.alpha)

    def _mean_colour(self) -> Tensor:
        """The mean colour of what can be seen: (1, 3, 1, 1)."""
        colours, opacity = torch.zeros(1, 3, 1, 1, dtype=torch.float64), 0.0
        for _, strip in strips(self._image):
            picture = from_image(strip)
            if picture.alpha is not None:
                weighted = picture.rgb * picture.alpha
                colours += weighted.sum(dim=(2, 3), keepdim=True, dtype=torch.float64)
                opacity += picture.alpha.sum(dtype=torch.float64).item()
        return (colours / opacity if opacity else torch.full_like(colours, MID_GREY)).float()


def strips(image: Image) -> Iterator[tuple[slice, Image]]:
    """The rows of `image` in order, some at a time, as images on the same bytes."""
    pixels, count = memoryview(image.pixels).cast("B"), max(1, _STRIP_PIXELS // image.width)
    row_bytes = image.width * image.format.bytes_per_pixel
    for start in range(0, image.height, count):
        stop = min(image.height, start + count)
        part = pixels[start * row_bytes : stop * row_bytes]
        yield slice(start, stop), Image(image.width, stop - start, image.format, part)
