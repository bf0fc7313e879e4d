"""How strongly the loss is curved along each spatial frequency and colour of a picture.

A change of a picture's fine grain changes the loss a thousand times as fast as one of its large
forms, and one of its lightness more than one of its hue. L-BFGS learns of it one direction a step;
told of all frequencies at once, it needs fewer steps, and a fraction of them where total variation
counts (docs/benchmarks.md).

The model is a diagonal one, in the Fourier transform of three colours that pictures vary in
independently: one number for each of some bands of frequency. It is learnt from the same pairs of
steps and changes of the gradient that L-BFGS keeps (a diagonal first matrix, as in Gilbert and
Lemaréchal 1989, section 5, but not in the space of the variables).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

# Two to an octave: fewer mix grain with strokes, more would each learn from too little.
_BANDS_PER_OCTAVE = 2
# Down to waves as long as the coarsest scale is wide; all longer ones are one band.
_BANDS = 14
# Lightness, red against blue, green against both: orthonormal.
_COLOURS = (
    (3**-0.5, 3**-0.5, 3**-0.5),
    (2**-0.5, 0.0, -(2**-0.5)),
    (6**-0.5, -2 * 6**-0.5, 6**-0.5),
)
# How many of the last steps it learns from.
_MEMORY = 20
_SMALLEST = 1e-30


class BandCurvature:
    """What is known of the curvature; it suits pictures of every size.

    The curvature is that of a pixel's share of the loss, and depends on the frequency in waves a
    pixel: the network sees pixels, and the loss is a mean over them. So what a coarse scale has
    taught, a finer one can begin with.
    """

    def __init__(self) -> None:
        self._learnt: deque[tuple[Tensor, Tensor]] = deque(maxlen=_MEMORY)
        self._size: tuple[int, int] | None = None

    @property
    def is_known(self) -> bool:
        """Whether it has learnt from any step."""
        return bool(self._learnt)

    def learn(self, step: Tensor, change: Tensor) -> None:
        """Takes in a step and the change of the gradient along it, each (1, 3, H, W)."""
        pixels = step.shape[2] * step.shape[3]
        steps, changes = self._energies(step), self._energies(change) * pixels**2
        whole = changes.sum().clamp_min(_SMALLEST)
        self._learnt.append((steps / whole, changes / whole))

    def improved(self, gradient: Tensor) -> Tensor:
        """`gradient` (1, 3, H, W) times the inverse of the curvature: the step that it asks for."""
        steps, changes = (
            torch.stack(energies).sum(0) for energies in zip(*self._learnt, strict=True)
        )
        pixels = gradient.shape[2] * gradient.shape[3]
        inverse = (steps / changes.clamp_min(_SMALLEST)).sqrt() * pixels  # (3, bands)
        inverse = _filled(inverse, known=changes > 0).to(gradient)
        bins = self._bins(gradient)
        improved = torch.zeros_like(gradient)
        # One colour at a time: of a large picture the transforms would take more than its slope.
        for colour, of_bands in zip(_COLOURS, inverse, strict=True):
            spectrum = _spectrum(gradient, colour)
            spectrum *= of_bands.repeat(len(spectrum)).index_select(0, bins).view(spectrum.shape)
            plane = torch.fft.irfft2(spectrum, s=gradient.shape[2:], norm="ortho")
            for channel, part in enumerate(colour):
                improved[:, channel].add_(plane, alpha=part)
        return improved

    def _energies(self, picture: Tensor) -> Tensor:
        """The squared length of `picture` in each colour and band: (3, bands)."""
        bins = self._bins(picture)
        energies = []
        for colour in _COLOURS:
            squares = torch.view_as_real(_spectrum(picture, colour)).square().sum(dim=-1)
            # The transform of real numbers leaves out all columns that mirror another.
            squares[:, 1 : (picture.shape[3] + 1) // 2] *= 2
            of_rows = squares.new_zeros(len(squares) * _BANDS)
            of_rows.index_add_(0, bins, squares.flatten())
            energies.append(of_rows.view(-1, _BANDS).sum(dim=0))
        return torch.stack(energies)

    def _bins(self, like: Tensor) -> Tensor:
        """Where each frequency of a real transform is counted: (H * (W // 2 + 1)).

        Each row has bins of its own, one for each band, the finest first: with a few for all, the
        threads of a GPU would wait for each other.
        """
        size = (like.shape[2], like.shape[3])
        if self._size != size:
            down = torch.fft.fftfreq(size[0]).unsqueeze(1)
            across = torch.fft.rfftfreq(size[1]).unsqueeze(0)
            frequencies = (down.square() + across.square()).sqrt().clamp_min(1e-6)
            below_finest = -torch.log2(frequencies / math.sqrt(0.5))
            bands = (_BANDS_PER_OCTAVE * below_finest).int().clamp(0, _BANDS - 1)
            bands += _BANDS * torch.arange(size[0], dtype=torch.int32).unsqueeze(1)
            self._size, self._bin_of = size, bands.flatten().to(like.device)
        return self._bin_of


def _spectrum(picture: Tensor, colour: Sequence[float]) -> Tensor:
    """The transform of one colour of `picture` (1, 3, H, W): (H, W // 2 + 1)."""
    red, green, blue = picture.squeeze(0)
    plane = (colour[0] * red).add_(green, alpha=colour[1]).add_(blue, alpha=colour[2])
    spectrum: Tensor = torch.fft.rfft2(plane, norm="ortho")
    return spectrum


def _filled(values: Tensor, known: Tensor) -> Tensor:
    """`values` (N, bands), each that is not `known` taken from the next finer band that is.

    A small picture has no waves of some lengths, between those that fit into it once and twice.
    """
    bands = torch.arange(values.shape[1], device=values.device).expand_as(values)
    finer = torch.where(known, bands, -1).cummax(dim=1).values
    finest = known.to(torch.uint8).argmax(dim=1, keepdim=True)
    return values.gather(1, torch.where(finer < 0, finest, finer))
