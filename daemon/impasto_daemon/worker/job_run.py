"""The course of a job in the worker: progress and previews to the server, requests from it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from impasto_daemon.worker.channel import Channel
from impasto_daemon.worker.messages import (
    Measure,
    Painted,
    Previewed,
    Run,
    Show,
    Split,
    Stepped,
    Stop,
    Stopped,
    Written,
)
from impasto_daemon.worker.result_file import hand_over
from impasto_shared.image import Image

if TYPE_CHECKING:
    from impasto_daemon.style_transfer.stylize import Step


class JobRun:
    """Gives `stylize` and `segment` their callbacks for the job `run`.

    `clock` is monotonic, in seconds.
    """

    def __init__(
        self, run: Run | Split, channel: Channel, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run = run
        self._channel = channel
        self._clock = clock
        self._previews = run.previews if isinstance(run, Run) else None
        self._previewed_s = -math.inf
        self._stop: Stop | None = None

    def should_stop(self) -> bool:
        """Reads the server's messages; returns whether it has told the job to stop."""
        for message in self._channel.receive_pending():
            if isinstance(message, Measure) or message.job != self._run.job:
                continue
            if isinstance(message, Show):
                self._previews = message.previews
            elif isinstance(message, Stop):
                # The last one counts: a job that is to end with its picture may still be cancelled.
                self._stop = message
        return self._stop is not None

    def on_step(self, step: Step) -> None:
        """Reports a step, with a preview if one is due."""
        job = self._run.job
        self._channel.send(Stepped(job, step.step, step.steps, step.loss, step.done, step.side_px))
        if self._previews and self._clock() - self._previewed_s >= self._previews.interval_s:
            self._previewed_s = self._clock()
            image = step.preview(self._previews.longest_side_px)
            self._channel.send(Previewed(job, step.step, image))

    def result(self, image: Image) -> Painted | Written | Stopped:
        """Returns the message that ends the job; a cancelled job's picture is dropped."""
        if self._stop is not None and not self._stop.keeps_result:
            return Stopped(self._run.job)
        return hand_over(self._run, image)
