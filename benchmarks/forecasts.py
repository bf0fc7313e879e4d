"""Compares forecasts with the time that jobs take: python -m benchmarks forecasts.

Each job is painted once. Its forecast is made from what the daemon knows after measuring the pace
of the machine, after a small draft, and after a large picture; the table shows forecast / time.
Time is processor time: with OMP_NUM_THREADS=1, other programs disturb it little.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import as_in_worker  # noqa: F401 - before torch

# isort: split
import device
import samples
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.server.jobs.time_estimate import ThroughputHistory
from impasto_daemon.style_transfer.images.pixels import from_image, resize, to_image
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.planning.work import Work
from impasto_daemon.style_transfer.stylize import Step, stylize
from impasto_daemon.worker.measurement import ON_PROCESSOR, measure
from impasto_shared.image import Image
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import ContentLoss, Mode, Optimizer, Quality, StyleLoss, StyleSettings
from impasto_shared.style import Style
from record import ENGINE, Table

PHOTO_SIZE = 683, 1024

good = StyleSettings
draft = partial(StyleSettings, quality=Quality.DRAFT)

JOBS: Mapping[str, StyleSettings] = {
    **{f"draft {side}": draft(size=side) for side in (128, 192, 256, 384, 512, 1024)},
    **{f"good {side}": good(size=side) for side in (128, 256, 512, 1024)},
    "draft 256, Gram": draft(size=256, style_loss=StyleLoss.GRAM),
    "draft 256, Gaussian MMD": draft(size=256, style_loss=StyleLoss.MMD_GAUSSIAN),
    "draft 256, reconstruction": draft(size=256, content_loss=ContentLoss.RECONSTRUCTION),
    "draft 256, strength 0.5": draft(size=256, style_strength=0.5),
    "draft 256, texture": draft(size=256, mode=Mode.TEXTURE),
    "draft 256, content": draft(size=256, mode=Mode.CONTENT),
    "draft 256, Adam": draft(size=256, optimizer=Optimizer.ADAM),
    "draft 128, tileable": draft(size=128, tileable=True),
    "draft 256, tileable": draft(size=256, tileable=True),
    "draft 256, two paintings": draft(size=256),
    "draft 256, four paintings": draft(size=256),
    "draft 1024, Gram": draft(size=1024, style_loss=StyleLoss.GRAM),
    "good 512, Gram, reconstruction": good(
        size=512, style_loss=StyleLoss.GRAM, content_loss=ContentLoss.RECONSTRUCTION
    ),
}
LESSONS = ("draft 256", "good 512")
MEASURED = (*ENGINE, "daemon/impasto_daemon/server/jobs/time_estimate.py")


@dataclass(frozen=True)
class Painted:
    """A job that was painted, in seconds of processor time."""

    settings: StyleSettings
    paintings: int
    points: Sequence[CurvePoint]
    seconds: float


def tabulate(arguments: Sequence[str]) -> Table:
    """Paints all jobs, and returns a row for each."""
    del arguments
    network = device.installed_network(StyleSettings().pooling)
    rgb = from_image(read_image(samples.photo("summer_palace"))).rgb
    photo = to_image(resize(rgb, *PHOTO_SIZE))
    _paint(network, photo, "a first picture, which does not count", draft(size=96))
    seeded = ThroughputHistory()
    if measured := measure(network, ON_PROCESSOR, lambda: False, time.process_time):
        seeded.record(Work(measured.settings, measured.width, measured.height), measured.points)
    painted = {name: _paint(network, photo, name, settings) for name, settings in JOBS.items()}
    histories = {"measured": seeded}
    for name in LESSONS:
        lesson = painted[name]
        histories[name] = ThroughputHistory()
        histories[name].record(Work(lesson.settings, photo.width, photo.height), lesson.points)
    rows = []
    for name, job in painted.items():
        ratios = [_ratio(history, job, photo) for history in histories.values()]
        rows.append((name, f"{job.seconds:.1f}", *ratios))
    heads = ["Measured", *(f"After *{name}*" for name in LESSONS)]
    return Table(("Job", "Seconds", *heads), rows)


def _paint(network: Network, photo: Image, name: str, settings: StyleSettings) -> Painted:
    count = {"two": 2, "four": 4}.get(name.split(", ")[-1].split()[0], 1)
    names = ("great_wave", "composition_viii", "auvers", "great_wave")[:count]
    styles = [Style(read_image(samples.painting(painting))) for painting in names]
    points: list[CurvePoint] = []
    began_s = time.process_time()

    def on_step(step: Step) -> None:
        points.append(CurvePoint(step.step, time.process_time() - began_s, step.loss))

    styles = [] if settings.mode is Mode.CONTENT else styles
    stylize(network, photo, styles, settings, on_step=on_step)
    return Painted(settings, len(styles), points, time.process_time() - began_s)


def _ratio(history: ThroughputHistory, job: Painted, photo: Image) -> str:
    size = photo.width, photo.height
    seconds = history.estimate_s(Work(job.settings, *size, job.paintings))
    return "" if seconds is None else f"{seconds / job.seconds:.2f}"
