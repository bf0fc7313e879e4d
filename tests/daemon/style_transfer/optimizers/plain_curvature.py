"""What L-BFGS usually knows of the loss beside the steps it remembers."""

from torch import Tensor


class PlainCurvature:
    """One curvature for all directions (Nocedal and Wright 2006, equation 7.20)."""

    is_known = False

    def learn(self, step: Tensor, change: Tensor) -> None:
        """Takes the curvature along the last step for that of all."""
        self._inverse = (step * change).sum() / change.square().sum()

    def improved(self, gradient: Tensor) -> Tensor:
        """`gradient` times the inverse of that curvature."""
        return self._inverse * gradient
