"""An image of any size, read in row bands, so that little memory is needed besides its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.pixels import (
    MID_GREY,
    Pixels,
    from_image,
    over,
    repaint,
    resample,
)
from impasto_shared.image import Image, fitted_size

# Few enough that a band takes only some megabytes (docs/benchmarks.md).
_BAND_PX = 2**17

Paint = Callable[[Tensor, slice], Tensor]
"""Returns new colours (1, 3, h, W) for some rows.

Its arguments are the visible colours of these rows, and the rows.
"""


class SourceImage:
    """An image, with the hidden colours of its transparent pixels left out.

    They would leak into the style. So the colours are composited over the mean of all visible
    colours, which adds least of its own.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._background = self._mean_colour() if image.format.has_alpha else None

    @property
    def size(self) -> tuple[int, int]:
        """The height and width in pixels."""
        return self._image.height, self._image.width

    def fitted(self, longest_side_px: int) -> Pixels:
        """Returns the image, reduced if its longest side exceeds `longest_side_px`."""
        height, width = fitted_size(*self.size, longest_side_px)
        # The filter is separable: first along the rows, band by band, then along the columns.
        narrow = torch.empty(1, self._image.format.channels, self._image.height, width)
        for rows, band in row_bands(self._image):
            visible = self._visible(band)
            narrow[:, :3, rows] = resample(visible.rgb, visible.rgb.shape[2], width)
            if visible.alpha is not None:
                narrow[:, 3:, rows] = resample(visible.alpha, visible.alpha.shape[2], width)
        channels = resample(narrow, height, width).clamp_(0, 1)
        return Pixels(channels[:, :3], channels[:, 3:] if self._image.format.has_alpha else None)

    def repainted(self, paint: Paint) -> Image:
        """Returns an image of the same size, format and alpha, with the colours of `paint`."""
        pixels = bytearray(memoryview(self._image.pixels).nbytes)
        row_bytes = self._image.width * self._image.format.bytes_per_pixel
        for rows, band in row_bands(self._image):
            painted = repaint(band, paint(self._visible(band).rgb, rows))
            pixels[rows.start * row_bytes : rows.stop * row_bytes] = painted.pixels
        return Image(self._image.width, self._image.height, self._image.format, memoryview(pixels))

    def _visible(self, band: Image) -> Pixels:
        pixels = from_image(band)
        if self._background is None:
            return pixels
        return Pixels(over(self._background, pixels), pixels.alpha)

    def _mean_colour(self) -> Tensor:
        """Returns the mean of the visible colours: (1, 3, 1, 1)."""
        colours, opacity = torch.zeros(1, 3, 1, 1, dtype=torch.float64), 0.0
        for _, band in row_bands(self._image):
            pixels = from_image(band)
            if pixels.alpha is not None:
                weighted = pixels.rgb * pixels.alpha
                colours += weighted.sum(dim=(2, 3), keepdim=True, dtype=torch.float64)
                opacity += pixels.alpha.sum(dtype=torch.float64).item()
        return (colours / opacity if opacity else torch.full_like(colours, MID_GREY)).float()


def row_bands(image: Image) -> Iterator[tuple[slice, Image]]:
    """Yields the rows of `image` in order, some at a time, as images that share its bytes."""
    pixels, count = memoryview(image.pixels).cast("B"), max(1, _BAND_PX // image.width)
    row_bytes = image.width * image.format.bytes_per_pixel
    for start in range(0, image.height, count):
        stop = min(image.height, start + count)
        band = pixels[start * row_bytes : stop * row_bytes]
        yield slice(start, stop), Image(image.width, stop - start, image.format, band)
