"""The messages between the server and its worker, in the frames of the protocol's codec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from impasto_shared.beginning import Beginning
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import CurvePoint, Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style


@dataclass(frozen=True)
class Run:
    """Server to worker: paint this job. Sent only to an idle worker.

    result_file: path of the file for the picture; None: it is sent as a message.
    warm_start: see `Submit`.
    memory_bytes: what painting may take of the machine's memory; None: all that is available.
    """

    type: ClassVar[str] = "run"
    job: str
    settings: StyleSettings
    content: Image
    styles: tuple[Style, ...]
    previews: PreviewOptions | None = None
    result_file: str | None = None
    warm_start: bool = False
    begin_from: Beginning | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Split:
    """Server to worker: split the content of this job into regions. Sent only to an idle worker.

    regions: see `Segment`. result_file: as in `Run`.
    """

    type: ClassVar[str] = "split"
    job: str
    content: Image
    regions: int
    result_file: str | None = None


@dataclass(frozen=True)
class Measure:
    """Server to worker: measure the pace of this machine, unless there is anything else to do."""

    type: ClassVar[str] = "measure"


@dataclass(frozen=True)
class Stop:
    """Server to worker: stop this job; send its best picture so far if `keeps_result`."""

    type: ClassVar[str] = "stop"
    job: str
    keeps_result: bool = False


@dataclass(frozen=True)
class Show:
    """Server to worker: send previews of this job like these from now on."""

    type: ClassVar[str] = "show"
    job: str
    previews: PreviewOptions


@dataclass(frozen=True)
class Ready:
    """Worker to server: it is idle.

    gpu_bytes: the GPU memory available for painting; None without a GPU.
    bfloat16: whether it calculates in bfloat16 if the precision is left to it.
    gpus: the number of GPUs of the machine that PyTorch can use.
    """

    type: ClassVar[str] = "ready"
    gpu_bytes: int | None
    bfloat16: bool
    gpus: int = 0


@dataclass(frozen=True)
class Measured:
    """Worker to server: the steps of a small job of its own, with a content of this size."""

    type: ClassVar[str] = "measured"
    settings: StyleSettings
    width: int
    height: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class Begun:
    """Worker to server: it has received this job."""

    type: ClassVar[str] = "begun"
    job: str


@dataclass(frozen=True)
class Loaded:
    """Worker to server: a network is in memory on this device."""

    type: ClassVar[str] = "loaded"
    device: str
    model: str


@dataclass(frozen=True)
class Stepped:
    """Worker to server: `step` of `steps` evaluations are done, a fraction `done` of the work.

    side_px: the longest side at which the picture is being painted.
    """

    type: ClassVar[str] = "stepped"
    job: str
    step: int
    steps: int
    loss: float
    done: float
    side_px: int = 0


@dataclass(frozen=True)
class Previewed:
    """Worker to server: a preview of the picture after `step`."""

    type: ClassVar[str] = "previewed"
    job: str
    step: int
    image: Image


@dataclass(frozen=True)
class Painted:
    """Worker to server: the job is done; its picture. The worker is idle again."""

    type: ClassVar[str] = "painted"
    job: str
    image: Image


@dataclass(frozen=True)
class Written:
    """Worker to server: the job is done; its picture is in `result_file`. The worker is idle."""

    type: ClassVar[str] = "written"
    job: str
    width: int
    height: int
    format: PixelFormat


@dataclass(frozen=True)
class Stopped:
    """Worker to server: the job was stopped. The worker is idle again."""

    type: ClassVar[str] = "stopped"
    job: str


@dataclass(frozen=True)
class Failed:
    """Worker to server: the job failed. The worker is idle again."""

    type: ClassVar[str] = "failed"
    job: str
    problem: Problem


ServerMessage = Run | Split | Measure | Stop | Show
WorkerMessage = (
    Ready | Measured | Begun | Loaded | Stepped | Previewed | Painted | Written | Stopped | Failed
)
