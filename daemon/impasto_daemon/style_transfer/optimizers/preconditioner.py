"""A preconditioner for L-BFGS: the loss's curvature by spatial frequency and colour.

The fine grain of an image is curved a thousand times as strongly as its large forms, and its
lightness more strongly than its hue. L-BFGS learns one direction a step; with a model of all
frequencies it needs fewer steps, and a fraction of them if total variation counts
(docs/benchmarks.md).

The model is diagonal in the Fourier transform of three decorrelated colours: one number for each
band of frequencies. It is fitted to the pairs of L-BFGS (a diagonal initial matrix, as in Gilbert
and Lemaréchal 1989, section 5, but not in the space of the variables).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

# Fewer bands mix grain with strokes; more have too little data each.
_BANDS_PER_OCTAVE = 2
# Down to waves as long as the coarsest scale is wide; the last band has all longer ones.
_BANDS = 14
# An orthonormal basis: lightness, red against blue, magenta against green.
_COLOURS = (
    (3**-0.5, 3**-0.5, 3**-0.5),
    (2**-0.5, 0.0, -(2**-0.5)),
    (6**-0.5, -2 * 6**-0.5, 6**-0.5),
)
# The number of latest steps that the model is fitted to.
_STEPS = 20
_TINY = 1e-30


class Preconditioner:
    """An initial inverse Hessian for images of every size.

    The curvature is that of a pixel's share of the loss, by frequency in cycles per pixel: the
    network sees pixels, and the loss is a mean over them. So a finer scale can start with the model
    fitted at a coarser one.
    """

    def __init__(self) -> None:
        self._energies: deque[tuple[Tensor, Tensor]] = deque(maxlen=_STEPS)
        self._size: tuple[int, int] | None = None

    @property
    def is_fitted(self) -> bool:
        """True once a step has been learnt from."""
        return bool(self._energies)

    def update(self, s: Tensor, y: Tensor) -> None:
        """Takes a step `s` and the change `y` of the gradient along it into account.

        Each is (1, 3, H, W).
        """
        pixels = s.shape[2] * s.shape[3]
        of_s, of_y = self._band_energies(s), self._band_energies(y) * pixels**2
        total = of_y.sum().clamp_min(_TINY)
        self._energies.append((of_s / total, of_y / total))

    def apply(self, gradient: Tensor) -> Tensor:
        """Returns the preconditioned `gradient` (1, 3, H, W)."""
        gains = self._gains(gradient)
        bins = self._bins(gradient)
        result = torch.zeros_like(gradient)
        # One colour at a time: the transforms of a large image take more memory than its gradient.
        for colour, of_bands in zip(_COLOURS, gains, strict=True):
            spectrum = _spectrum(gradient, colour)
            spectrum *= of_bands.repeat(len(spectrum)).index_select(0, bins).view(spectrum.shape)
            plane = torch.fft.irfft2(spectrum, s=gradient.shape[2:], norm="ortho")
            for channel, coefficient in enumerate(colour):
                result[:, channel].add_(plane, alpha=coefficient)
        return result

    def _gains(self, like: Tensor) -> Tensor:
        """Returns the inverse curvature of each colour and band: (3, bands)."""
        of_s, of_y = (torch.stack(steps).sum(0) for steps in zip(*self._energies, strict=True))
        pixels = like.shape[2] * like.shape[3]
        gains = (of_s / of_y.clamp_min(_TINY)).sqrt() * pixels
        return _filled(gains, is_known=of_y > 0).to(like)

    def _band_energies(self, image: Tensor) -> Tensor:
        """Returns the squared norm of `image` in each colour and band: (3, bands)."""
        bins = self._bins(image)
        energies = []
        for colour in _COLOURS:
            squares = torch.view_as_real(_spectrum(image, colour)).square().sum(dim=-1)
            # A real transform omits the columns that mirror another.
            squares[:, 1 : (image.shape[3] + 1) // 2] *= 2
            of_rows = squares.new_zeros(len(squares) * _BANDS)
            of_rows.index_add_(0, bins, squares.flatten())
            energies.append(of_rows.view(-1, _BANDS).sum(dim=0))
        return torch.stack(energies)

    def _bins(self, like: Tensor) -> Tensor:
        """Returns the bin of each frequency of a real transform: (H * (W // 2 + 1)).

        Each row has bins of its own, one for each band, the finest first: with a few for all rows,
        the threads of a GPU would wait for each other.
        """
        size = (like.shape[2], like.shape[3])
        if self._size != size:
            vertical = torch.fft.fftfreq(size[0]).unsqueeze(1)
            horizontal = torch.fft.rfftfreq(size[1]).unsqueeze(0)
            frequencies = (vertical.square() + horizontal.square()).sqrt().clamp_min(1e-6)
            octaves_below_finest = -torch.log2(frequencies / math.sqrt(0.5))
            bands = (_BANDS_PER_OCTAVE * octaves_below_finest).int().clamp(0, _BANDS - 1)
            bands += _BANDS * torch.arange(size[0], dtype=torch.int32).unsqueeze(1)
            self._size, self._bins_of_size = size, bands.flatten().to(like.device)
        return self._bins_of_size


def _spectrum(image: Tensor, colour: Sequence[float]) -> Tensor:
    """Returns the transform of one colour of `image` (1, 3, H, W): (H, W // 2 + 1)."""
    red, green, blue = image.squeeze(0)
    plane = (colour[0] * red).add_(green, alpha=colour[1]).add_(blue, alpha=colour[2])
    spectrum: Tensor = torch.fft.rfft2(plane, norm="ortho")
    return spectrum


def _filled(values: Tensor, is_known: Tensor) -> Tensor:
    """Returns `values` (N, bands), each unknown one replaced by that of the next finer known band.

    A small image has no waves of some lengths, between those that fit into it once and twice.
    """
    bands = torch.arange(values.shape[1], device=values.device).expand_as(values)
    finer = torch.where(is_known, bands, -1).cummax(dim=1).values
    finest = is_known.to(torch.uint8).argmax(dim=1, keepdim=True)
    return values.gather(1, torch.where(finer < 0, finest, finer))
