"""3 × 3 convolutions with a quarter of the multiplications (Lavin and Gray 2016, F(4 × 4, 3 × 3)).

On a processor without tensor cores it takes half the time of torch's own convolution of a wide
layer. Tiles of 6 × 6 positions, 4 apart, are transformed, multiplied by the transformed kernels,
and transformed back to 4 × 4 positions each. The transforms are exact to rounding. (These tiles
have nothing to do with the tiles that a large image is evaluated in.)
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.replicate_padding import fold_replicate_padding

# The paper's section 4.2: B^T transforms the data, G the kernel, A^T the products.
_B_TRANSPOSED = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_G = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_A_TRANSPOSED = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
_TILE = 6
_STEP = 4
# The number of tiles in a batch: enough for the matrix products, few enough for the caches.
_TILES_AT_ONCE = 256
# All kernels of a wide layer, in float64, would take as much memory as the result for all layers.
_KERNELS_AT_ONCE = 32


class Winograd:
    """A convolution with bias and ReLU, prepared for both directions; its weights are fixed.

    weight: (out, in, 3, 3); bias: (out). It takes four times their memory for each direction.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._forward = _transformed(weight)
        self._backward = _transformed(weight.flip(2, 3).transpose(0, 1))
        self._bias = bias

    def __call__(self, activation: Tensor) -> Tensor:
        """Returns ReLU(conv(activation)) with replicate padding: (1, in, H, W) to (1, out, H, W).

        The result is laid out in channels_last.
        """
        result: Tensor = _ConvReLU.apply(activation, self._forward, self._backward, self._bias)
        return result

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """Returns the gradient of the input, given that of the convolution before its ReLU."""
        return _input_gradient(gradient, self._backward)


class _ConvReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, activation: Tensor, forward: Tensor, backward: Tensor, bias: Tensor
    ) -> Tensor:
        result = _correlate(activation, forward, bias, margin=1)
        result.clamp_min_(0)
        ctx.save_for_backward(result, backward)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        result, backward = ctx.saved_tensors
        return _input_gradient(gradient * (result > 0), backward), None, None, None


def _input_gradient(gradient: Tensor, backward: Tensor) -> Tensor:
    # The transposed convolution: the correlation with the flipped kernel, at every position at
    # which the two overlap.
    grad_padded = _correlate(gradient, backward, None, margin=2)
    return fold_replicate_padding(grad_padded).contiguous(memory_format=torch.channels_last)


def _transformed(weight: Tensor) -> Tensor:
    """Returns the kernels (out, in, 3, 3) transformed by G: (36, in, out)."""
    transform = weight.new_tensor(_G, dtype=torch.float64)
    outputs, inputs = weight.shape[:2]
    transformed = weight.new_empty(_TILE, _TILE, inputs, outputs)
    for start in range(0, outputs, _KERNELS_AT_ONCE):
        batch = slice(start, start + _KERNELS_AT_ONCE)
        kernels = weight[batch].double()
        transformed[..., batch] = torch.einsum("ia,ocab,jb->ijco", transform, kernels, transform)
    return transformed.view(_TILE**2, inputs, outputs)


def _correlate(activation: Tensor, kernels: Tensor, bias: Tensor | None, margin: int) -> Tensor:
    """Returns the correlation of `activation` (1, in, H, W) with `kernels` from `_transformed`.

    margin: the padding on each side: replicate padding with a bias, zeros without one.
    The result is (1, out, H + 2 margin - 2, W + 2 margin - 2), in channels_last.
    """
    _, inputs, height, width = activation.shape
    outputs = kernels.shape[2]
    rows, columns = height + 2 * margin - 2, width + 2 * margin - 2
    tiles_down, tiles_across = -(-rows // _STEP), -(-columns // _STEP)
    bands = _bands(tiles_down, tiles_across)
    image = activation.permute(0, 2, 3, 1).squeeze(0)  # (H, W, in)
    result = activation.new_empty(1, rows, columns, outputs)
    scratch = _Scratch(activation, max(bands) * tiles_across, inputs, outputs)
    padded = activation.new_zeros(_STEP * max(bands) + 2, _STEP * tiles_across + 2, inputs)
    first = 0
    for band in bands:
        padded_band = padded[: _STEP * band + 2]
        _pad(image, padded_band, first - margin, margin, replicate=bias is not None)
        last = min(rows, first + _STEP * band)
        block = scratch.correlate(padded_band, kernels, bias)
        result[0, first:last] = block[: last - first, :columns]
        first = last
    return result.permute(0, 3, 1, 2)


class _Scratch:
    """The memory for one band of tiles, used again from band to band, and the transforms.

    tiles: the most in a band; some bands have fewer.
    """

    def __init__(self, like: Tensor, tiles: int, inputs: int, outputs: int) -> None:
        self._data, self._transformed = (like.new_empty(tiles, _TILE**2 * inputs) for _ in range(2))
        self._products = like.new_empty(tiles, (_TILE**2 + 1) * outputs)
        self._positions, self._pixels = (
            like.new_empty(tiles, _STEP**2 * outputs) for _ in range(2)
        )
        self._to_transformed, self._to_positions = _transforms(like)

    def correlate(self, padded: Tensor, kernels: Tensor, bias: Tensor | None) -> Tensor:
        """Returns the correlation with `kernels` over a band of tiles: (rows, columns, out).

        padded: (rows + 2, columns + 2, in); rows and columns are multiples of the tiles' step.
        """
        band, across = ((length - 2) // _STEP for length in padded.shape[:2])
        tiles, (_, inputs, outputs) = band * across, kernels.shape
        views = padded.unfold(0, _TILE, _STEP).unfold(1, _TILE, _STEP).permute(3, 4, 0, 1, 2)
        data = self._data[:tiles]
        data.view(views.shape).copy_(views)
        transformed = self._transformed[:tiles].view(_TILE**2, -1)
        torch.mm(self._to_transformed, data.view(_TILE**2, -1), out=transformed)
        # The bias is one more product, which the last transform adds to every position.
        products = self._products[:tiles].view(_TILE**2 + 1, tiles, outputs)
        torch.bmm(transformed.view(_TILE**2, tiles, inputs), kernels, out=products[:-1])
        products[-1] = 0 if bias is None else bias
        positions = self._positions[:tiles].view(_STEP**2, -1)
        torch.mm(self._to_positions, products.view(_TILE**2 + 1, -1), out=positions)
        by_tile = positions.view(_STEP, _STEP, band, across, outputs)
        by_row = by_tile.permute(2, 0, 3, 1, 4)
        pixels = self._pixels[:tiles]
        pixels.view(by_row.shape).copy_(by_row)
        return pixels.view(_STEP * band, _STEP * across, outputs)


def _bands(tiles_down: int, tiles_across: int) -> list[int]:
    """Returns the rows of tiles in each batch, evenly, so that none is much smaller."""
    count = -(-tiles_down // max(1, _TILES_AT_ONCE // tiles_across))
    ends = [tiles_down * index // count for index in range(count + 1)]
    return [end - start for start, end in pairwise(ends)]


def _transforms(like: Tensor) -> tuple[Tensor, Tensor]:
    """Returns both transforms of whole tiles: (36, 36) and, with a column of ones, (16, 37)."""
    data = like.new_tensor(_B_TRANSPOSED)
    product = like.new_tensor(_A_TRANSPOSED)
    ones = like.new_ones(_STEP**2, 1)
    return torch.kron(data, data), torch.cat([torch.kron(product, product), ones], dim=1)


def _pad(image: Tensor, padded: Tensor, first: int, margin: int, *, replicate: bool) -> None:
    """Fills `padded` (h, w, C) with `image` (H, W, C) from row `first` and column `-margin` on.

    Outside the image it is filled with the border, replicated, or with zeros.
    """
    height, width, _ = image.shape
    above = max(0, -first)
    below = min(len(padded), height - first)
    inside = padded[above:below]
    inside[:, margin : margin + width] = image[first + above : first + below]
    if replicate:
        inside[:, :margin] = inside[:, margin : margin + 1]
        inside[:, margin + width :] = inside[:, margin + width - 1 : margin + width]
        padded[:above] = padded[above]
        padded[below:] = padded[below - 1]
    else:
        padded[:above] = 0
        padded[below:] = 0
