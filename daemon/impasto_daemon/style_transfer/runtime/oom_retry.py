"""Runs a job's scales in the available memory, and retries with smaller plans if it runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from impasto_daemon.malloc import large_pieces_returned
from impasto_daemon.style_transfer.planning.memory_plan import Plan, Work, choose, next_smaller
from impasto_daemon.style_transfer.runtime.out_of_memory import is_out_of_memory

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class OomRetry:
    """Finds, for each scale of a job, a plan that fits into memory."""

    def __init__(self, available_bytes: float) -> None:
        self._available_bytes = available_bytes

    def run(self, work: Work, attempt: Callable[[Plan], Result]) -> Result:
        """Returns the result of `attempt` with the fastest plan for `work` that fits.

        When memory runs out, it is called again with a smaller plan, and later scales are planned
        with less memory, too.

        Raises:
            MemoryError: if not even the smallest plan fits.
        """
        plan = choose(work, self._available_bytes)
        if work.untiled_bytes is not None and plan.needed_bytes > self._available_bytes:
            raise MemoryError(f"{plan} are needed, and this network cannot be run in tiles")
        while True:
            logger.info("%d × %d pixels are painted %s", work.width, work.height, plan)
            try:
                with nullcontext() if plan.tiling is None else large_pieces_returned():
                    return attempt(plan)
            except (MemoryError, RuntimeError) as error:
                smaller = next_smaller(work, plan)
                if not is_out_of_memory(error) or smaller is None:
                    raise
                self._available_bytes = min(self._available_bytes, smaller.needed_bytes)
                plan = smaller
                # Not the error itself: its traceback would keep the tensors of the failed attempt.
                logger.warning("memory has run out: %s", str(error))
