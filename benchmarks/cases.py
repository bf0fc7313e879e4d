"""Test cases of the memory benchmarks: a size, a memory limit, a number of evaluations."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import samples
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.style_transfer.images.pixels import from_image, resize, to_image
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR
from impasto_daemon.style_transfer.planning.memory_plan import Plan, ScaleWork, fastest_plan
from impasto_daemon.style_transfer.planning.scales import plan_scales
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings

_CASE = re.compile(r"(\d+)x(\d+)(?:@([\d.]+))?(?::(\d+))?")


@dataclass(frozen=True)
class Case:
    """A picture of width × height, painted with `evaluations`, all of them at this size.

    limit_gb: the memory that painting may take; None for all of the machine's.
    """

    width: int
    height: int
    limit_gb: float | None
    evaluations: int

    @property
    def settings(self) -> StyleSettings:
        """The settings to paint it with."""
        longest = max(self.width, self.height)
        return StyleSettings(size=longest, iterations=self.evaluations, scales=1)

    @property
    def name(self) -> str:
        """The size, for a table."""
        return f"{self.width} × {self.height}"

    @property
    def limit(self) -> str:
        """The limit, for a table."""
        return "–" if self.limit_gb is None else f"{self.limit_gb:g} GB"

    def plan(self, painting: Image, network: Network) -> Plan:
        """Returns the plan of the finest scale, for the size of `painting`."""
        settings = self.settings
        scale = plan_scales(settings.size, settings)[-1]
        factor = min(1.0, settings.size / max(painting.width, painting.height))
        painting_px = round(painting.width * painting.height * factor**2)
        work = ScaleWork(
            self.height,
            self.width,
            painting_px,
            scale.evaluations,
            settings.optimizer,
            network.number_bytes,
            cost_model=GPU if network.device.type == "cuda" else PROCESSOR,
        )
        return fastest_plan(work, math.inf if self.limit_gb is None else self.limit_gb * 1e9)

    def photo(self) -> Image:
        """Returns a photo of this size."""
        rgb = from_image(read_image(samples.photo("summer_palace"))).rgb
        return to_image(resize(rgb, self.height, self.width))


def read_case(text: str, evaluations: int) -> Case:
    """Returns the case that `text` describes; `evaluations` is the default."""
    match = _CASE.fullmatch(text)
    if match is None:
        raise SystemExit(f"{text} is not WIDTHxHEIGHT[@GIGABYTES][:EVALUATIONS]")
    width, height, limit_gb, count = match.groups()
    return Case(
        int(width),
        int(height),
        float(limit_gb) if limit_gb else None,
        int(count or evaluations),
    )
