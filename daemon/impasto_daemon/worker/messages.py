"""What the server and its worker tell each other, in the frames of the protocol's codec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from impasto_shared.image import Image, PixelFormat
from impasto_shared.messages import PreviewOptions
from impasto_shared.reports import Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style


@dataclass(frozen=True)
class Run:
    """Server to worker: paint this. Sent only to a worker that has nothing to do.

    The picture is to be written to the file `result_file`, if there is one.
    """

    type: ClassVar[str] = "run"
    job: str
    settings: StyleSettings
    content: Image
    styles: tuple[Style, ...]
    previews: PreviewOptions | None = None
    result_file: str | None = None


@dataclass(frozen=True)
class Stop:
    """Server to worker: end this job soon, and give what has been painted where it is wanted."""

    type: ClassVar[str] = "stop"
    job: str
    keeps_result: bool = False


@dataclass(frozen=True)
class Show:
    """Server to worker: somebody watches this job who wishes for these previews."""

    type: ClassVar[str] = "show"
    job: str
    previews: PreviewOptions


@dataclass(frozen=True)
class Ready:
    """Worker to server: it waits for a job.

    gpu_bytes: what painting may take of a GPU's memory; None where there is none.
    bfloat16: whether it calculates in it where the precision is left to it.
    """

    type: ClassVar[str] = "ready"
    gpu_bytes: int | None
    bfloat16: bool


@dataclass(frozen=True)
class Loaded:
    """Worker to server: a network is in memory on this device."""

    type: ClassVar[str] = "loaded"
    device: str
    model: str


@dataclass(frozen=True)
class Stepped:
    """Worker to server: `step` of `steps` evaluations are done, `done` of the work in [0, 1]."""

    type: ClassVar[str] = "stepped"
    job: str
    step: int
    steps: int
    loss: float
    done: float


@dataclass(frozen=True)
class Previewed:
    """Worker to server: what the picture looks like after `step`."""

    type: ClassVar[str] = "previewed"
    job: str
    step: int
    image: Image


@dataclass(frozen=True)
class Painted:
    """Worker to server: the picture. The worker is free again."""

    type: ClassVar[str] = "painted"
    job: str
    image: Image


@dataclass(frozen=True)
class Written:
    """Worker to server: the picture is in the `result_file` of the run. The worker is free."""

    type: ClassVar[str] = "written"
    job: str
    width: int
    height: int
    format: PixelFormat


@dataclass(frozen=True)
class Stopped:
    """Worker to server: the job was stopped. The worker is free again."""

    type: ClassVar[str] = "stopped"
    job: str


@dataclass(frozen=True)
class Failed:
    """Worker to server: the job failed. The worker is free again."""

    type: ClassVar[str] = "failed"
    job: str
    problem: Problem


ServerMessage = Run | Stop | Show
WorkerMessage = Ready | Loaded | Stepped | Previewed | Painted | Written | Stopped | Failed
