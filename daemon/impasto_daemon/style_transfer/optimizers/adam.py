"""Adam (Kingma and Ba 2015)."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto_daemon.style_transfer.optimizers.minimiser import Evaluate

# The usual rate of style transfer: a step changes a colour by about 5 of 255.
_RATE = 0.02
_BETAS = (0.9, 0.99)


class Adam:
    """Adam, with the image clamped to [0, 1] after every step."""

    def minimise(self, evaluate: Evaluate, initial: Tensor, *, history: int) -> None:  # noqa: ARG002
        """Minimises from `initial` until the gradient vanishes; a history is not used."""
        image = initial.clone()
        adam = torch.optim.Adam([image], lr=_RATE, betas=_BETAS)
        while True:
            _, image.grad = evaluate(image.clone())
            if not image.grad.any():
                return
            adam.step()
            image.clamp_(0, 1)
