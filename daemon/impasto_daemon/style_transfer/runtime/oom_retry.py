"""Painting within the memory there is, by a plan that fits; by a smaller one where it did not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext

from impasto_daemon.malloc import large_pieces_returned
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.optimize import Transfer
from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR
from impasto_daemon.style_transfer.planning.memory_plan import (
    Plan,
    Work,
    choose,
    gates_pay,
    next_smaller,
    px_around,
)
from impasto_daemon.style_transfer.runtime.out_of_memory import is_out_of_memory
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import StyleSettings

logger = logging.getLogger(__name__)


class Fitting:
    """Finds, for each scale, a way to paint it that fits into memory."""

    def __init__(self, available_bytes: float, settings: StyleSettings, network: Network) -> None:
        self._available_bytes = available_bytes
        self._settings = settings
        self._number_bytes = network.number_bytes
        self._footprint = GPU if network.device.type == "cuda" else PROCESSOR
        self._untiled_bytes = network.untiled_bytes(
            parse_layer_weights(settings.content_layers).keys()
            | parse_layer_weights(settings.style_layers).keys()
        )

    def use(
        self,
        attempt: Callable[[Plan], Transfer],
        height: int,
        width: int,
        painting_px: int,
        evaluations: int,
    ) -> Transfer:
        """What `attempt` gives with the fastest plan that fits; where it does not, with a smaller.

        Raises:
            MemoryError: where not even the smallest does.
        """
        around_px = px_around(self._settings)
        work = Work(
            height + around_px,
            width + around_px,
            painting_px,
            evaluations,
            self._settings.optimizer,
            self._number_bytes,
            self._untiled_bytes,
            self._footprint,
            gates_pay(self._settings),
        )
        plan = choose(work, self._available_bytes)
        if self._untiled_bytes is not None and plan.needed_bytes > self._available_bytes:
            raise MemoryError(f"{plan} are needed, and this network cannot be shown tiles")
        while True:
            logger.info("%d × %d pixels are painted %s", width, height, plan)
            try:
                with nullcontext() if plan.tiling is None else large_pieces_returned():
                    return attempt(plan)
            except (MemoryError, RuntimeError) as error:
                smaller = next_smaller(work, plan)
                if not is_out_of_memory(error) or smaller is None:
                    raise
                # What is planned later must be smaller, too.
                self._available_bytes = min(self._available_bytes, smaller.needed_bytes)
                plan = smaller
                # Not the error itself: whoever keeps the record would keep all that it was about.
                logger.warning("memory has run out: %s", str(error))
