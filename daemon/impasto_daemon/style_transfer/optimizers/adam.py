"""Adam (Kingma and Ba 2015)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adam import adam

from impasto_daemon.style_transfer.optimizers.minimiser import Evaluate

# The usual rate of style transfer: a step changes a colour by about 5 of 255.
_RATE = 0.02
_BETA1, _BETA2 = 0.9, 0.99
_EPSILON = 1e-8


class Adam:
    """Adam, with the image clamped to [0, 1] after every step."""

    def minimise(self, evaluate: Evaluate, initial: Tensor, *, history: int) -> None:  # noqa: ARG002
        """Minimises from `initial` until the gradient vanishes; a history is not used."""
        image = initial.clone()
        mean, square = torch.zeros_like(image), torch.zeros_like(image)
        step = torch.zeros(())
        while True:
            _, gradient = evaluate(image.clone())
            if not gradient.any():
                return
            _step(image, gradient, mean, square, step)
            image.clamp_(0, 1)


def _step(image: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, step: Tensor) -> None:
    """Changes the image, both moving averages of the gradient, and the number of the step.

    `torch.optim.Adam` itself imports PyTorch's compiler, which takes seconds.
    """
    adam(
        [image],
        [gradient],
        [mean],
        [square],
        [],
        [step],
        amsgrad=False,
        beta1=_BETA1,
        beta2=_BETA2,
        lr=_RATE,
        weight_decay=0.0,
        eps=_EPSILON,
        maximize=False,
        foreach=False,
    )
