"""The usual initial inverse Hessian of L-BFGS, to compare the preconditioner with."""

from torch import Tensor


class ScalarPreconditioner:
    """A multiple of the identity (Nocedal and Wright 2006, equation 7.20)."""

    is_fitted = False

    def update(self, s: Tensor, y: Tensor) -> None:
        """Takes the curvature along the last step as that of all directions."""
        self._inverse = (s * y).sum() / y.square().sum()

    def apply(self, gradient: Tensor) -> Tensor:
        """Returns `gradient` divided by that curvature."""
        return self._inverse * gradient
