"""3 × 3 convolutions with a quarter of the multiplications (Lavin and Gray 2016, F(4 × 4, 3 × 3)).

On a processor without tensor cores a wide layer takes half the time of torch's own convolution.
Tiles of 6 × 6 positions, 4 apart, are transformed, multiplied by the transformed kernels, and
transformed back to 4 × 4 positions each. The transforms are exact but for rounding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.conv_relu import without_border

# The paper's section 4.2: B^T transforms the data, G the kernel, A^T the products.
_DATA = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_KERNEL = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_PRODUCT = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
_TILE = 6
_STEP = 4
# No more tiles are worked on at once: enough for the matrix products, few enough for the caches.
_TILES_AT_ONCE = 256
# All of a wide layer at once, in float64, would take as much memory as the result of all layers.
_KERNELS_AT_ONCE = 32


class Winograd:
    """A convolution with bias and ReLU, ready for both directions; its weights take no gradient.

    weight: (out, in, 3, 3); bias: (out). It takes four times their memory in each direction.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._forward = _transformed(weight)
        self._backward = _transformed(weight.flip(2, 3).transpose(0, 1))
        self._bias = bias

    def __call__(self, activation: Tensor) -> Tensor:
        """ReLU of the convolution of `activation` (1, in, H, W), its border repeated: (1, out, …).

        The result is laid out in channels_last.
        """
        found: Tensor = _Rectified.apply(activation, self._forward, self._backward, self._bias)
        return found

    def slope_of_input(self, slope: Tensor) -> Tensor:
        """The slope along what was convolved, by that along the result, before the ReLU."""
        return _slope_of_input(slope, self._backward)


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, activation: Tensor, forward: Tensor, backward: Tensor, bias: Tensor
    ) -> Tensor:
        found = _correlate(activation, forward, bias, margin=1)
        found.clamp_min_(0)
        ctx.save_for_backward(found, backward)
        return found

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None, None]:
        found, backward = ctx.saved_tensors
        return _slope_of_input(slope * (found > 0), backward), None, None, None


def _slope_of_input(slope: Tensor, backward: Tensor) -> Tensor:
    # The slope of a correlation is the correlation with the turned kernel, over all places
    # where the two touch.
    spread = _correlate(slope, backward, None, margin=2)
    return without_border(spread).contiguous(memory_format=torch.channels_last)


def _transformed(weight: Tensor) -> Tensor:
    """Kernels (out, in, 3, 3) transformed: (36, in, out)."""
    transform = weight.new_tensor(_KERNEL, dtype=torch.float64)
    given, received = weight.shape[:2]
    transformed = weight.new_empty(_TILE, _TILE, received, given)
    for start in range(0, given, _KERNELS_AT_ONCE):
        some = slice(start, start + _KERNELS_AT_ONCE)
        kernels = weight[some].double()
        transformed[..., some] = torch.einsum("ia,ocab,jb->ijco", transform, kernels, transform)
    return transformed.view(_TILE**2, received, given)


def _correlate(activation: Tensor, kernels: Tensor, bias: Tensor | None, margin: int) -> Tensor:
    """The correlation of `activation` (1, in, H, W) with `kernels`, as `_transformed` gives them.

    margin: by so much it is extended on each side first: repeated with a bias, by zeros without.
    Returns (1, out, H + 2 margin - 2, W + 2 margin - 2) in channels_last.
    """
    _, received, height, width = activation.shape
    given = kernels.shape[2]
    rows, columns = height + 2 * margin - 2, width + 2 * margin - 2
    tiles_down, tiles_across = -(-rows // _STEP), -(-columns // _STEP)
    strips = _strips(tiles_down, tiles_across)
    image = activation.permute(0, 2, 3, 1).squeeze(0)  # (H, W, in)
    found = activation.new_empty(1, rows, columns, given)
    # Numbers for each tile, used again from strip to strip, of which some have fewer tiles.
    scratch = [
        activation.new_empty(max(strips) * tiles_across, numbers)
        for numbers in (
            _TILE**2 * received,
            _TILE**2 * received,
            (_TILE**2 + 1) * given,
            _STEP**2 * given,
            _STEP**2 * given,
        )
    ]
    across = _STEP * tiles_across + 2
    extended = activation.new_zeros(_STEP * max(strips) + 2, across, received)
    to_transformed, to_restored = _transforms(activation)

    first = 0
    for strip in strips:
        tiles = strip * tiles_across
        some = extended[: _STEP * strip + 2]
        data, transformed, products, restored, pixels = (memory[:tiles] for memory in scratch)
        _extend(image, some, first - margin, margin, repeat=bias is not None)
        views = some.unfold(0, _TILE, _STEP).unfold(1, _TILE, _STEP).permute(3, 4, 0, 1, 2)
        data.view(views.shape).copy_(views)
        data, transformed = data.view(_TILE**2, -1), transformed.view(_TILE**2, -1)
        torch.mm(to_transformed, data, out=transformed)
        # One product more, which the last transform adds everywhere, is the bias.
        products = products.view(_TILE**2 + 1, tiles, given)
        transformed = transformed.view(_TILE**2, tiles, received)
        torch.bmm(transformed, kernels, out=products[:-1])
        products[-1] = 0 if bias is None else bias
        torch.mm(to_restored, products.view(_TILE**2 + 1, -1), out=restored.view(_STEP**2, -1))
        in_order = restored.view(_STEP, _STEP, strip, tiles_across, given).permute(2, 0, 3, 1, 4)
        pixels.view(in_order.shape).copy_(in_order)
        last = min(rows, first + _STEP * strip)
        whole = pixels.view(_STEP * strip, _STEP * tiles_across, given)
        found[0, first:last] = whole[: last - first, :columns]
        first = last
    return found.permute(0, 3, 1, 2)


def _strips(tiles_down: int, tiles_across: int) -> list[int]:
    """How many rows of tiles are worked on at once, strip after strip, none much smaller."""
    count = -(-tiles_down // max(1, _TILES_AT_ONCE // tiles_across))
    ends = [tiles_down * place // count for place in range(count + 1)]
    return [end - start for start, end in pairwise(ends)]


def _transforms(like: Tensor) -> tuple[Tensor, Tensor]:
    """Both transforms of whole tiles: (36, 36) and, with a column of ones, (16, 37)."""
    data = like.new_tensor(_DATA)
    product = like.new_tensor(_PRODUCT)
    ones = like.new_ones(_STEP**2, 1)
    return torch.kron(data, data), torch.cat([torch.kron(product, product), ones], dim=1)


def _extend(image: Tensor, extended: Tensor, first: int, margin: int, *, repeat: bool) -> None:
    """Fills `extended` (h, w, C) with `image` (H, W, C) from row `first` and column `-margin` on.

    What lies outside the image is its border repeated, or nothing.
    """
    height, width, _ = image.shape
    above = max(0, -first)
    below = min(len(extended), height - first)
    inside = extended[above:below]
    inside[:, margin : margin + width] = image[first + above : first + below]
    if repeat:
        inside[:, :margin] = inside[:, margin : margin + 1]
        inside[:, margin + width :] = inside[:, margin + width - 1 : margin + width]
        extended[:above] = extended[above]
        extended[below:] = extended[below - 1]
    else:
        extended[:above] = 0
        extended[below:] = 0
