"""A daemon that inverts pictures instead of painting, and fails on demand: the seed says how.

It has the weights of one model. Next to its socket it writes the styles of the last job, the
picture that it begins from, those of all jobs, the jobs that it forgot or cancelled, and a file
`forecast` when it is asked for one; the file `seconds_per_pixel` there slows its forecasts down,
and with `no_opencv` it cannot move frames. It speaks the real protocol over a real socket and needs
nothing but pyzmq, so it also runs with the Python of a GIMP.
Started like `impasto serve --endpoint ENDPOINT`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from array import array
from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import count
from pathlib import Path
from typing import Any

import zmq

from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.painted_size import painted_side_px
from impasto_shared.protocol.codec import decode, encode
from impasto_shared.protocol.messages import (
    Accepted,
    Cancel,
    ClientMessage,
    Detach,
    ErrorReply,
    Fetch,
    Forecast,
    ForecastReport,
    Forget,
    Hello,
    Keep,
    Preview,
    Result,
    Segment,
    Status,
    StatusReport,
    Submit,
    Update,
    Watch,
    Welcome,
)
from impasto_shared.protocol.reports import JobReport, JobState, Limits, Problem, WorkerReport

TICK_MS = 20
# Without jobs: there is one of these daemons for each home, for as long as its tests run.
IDLE_MS = 500
# How often a job that is paused tells that it is.
_TICKS_OF_A_PAUSE = 25
# None: there is nothing new.
News = JobReport | Preview | None
_BLOCKS = 8
MODELS = ("vgg19",)


class Behaviour(IntEnum):
    """Returns the fate of a job with this seed."""

    INVERT = 0
    REFUSE = 1
    FAIL = 2
    DIE = 3
    CANCEL = 4
    SHRINK = 5
    PAUSE = 6
    """Halfway it writes the file `paused` next to the socket, and waits for the file `resume` or a
    request to keep the picture. A job with the content layers named in the file `pause` does so
    too."""
    FAIL_LATER = 7
    """As FAIL, for a job that begins from a picture."""


def invert(picture: Image) -> Image:
    """Returns the picture with inverted colours and the same alpha."""
    pixel_format = picture.format
    values = array(_CODES[pixel_format.bytes_per_channel], bytes(picture.pixels))
    for channel in range(3):
        numbers = values[channel :: pixel_format.channels]
        values[channel :: pixel_format.channels] = _INVERTED[numbers.typecode](numbers)
    return Image(picture.width, picture.height, pixel_format, values.tobytes())


_CODES = {1: "B", 2: "H", 4: "f"}
_COMPLEMENTS = bytes(range(255, -1, -1))
_INVERTED: dict[str, Callable[[Any], Any]] = {
    "B": lambda numbers: array("B", numbers.tobytes().translate(_COMPLEMENTS)),
    "H": lambda numbers: array("H", numbers.tobytes().translate(_COMPLEMENTS)),
    "f": lambda numbers: array("f", (1.0 - number for number in numbers)),
}


def sketch(picture: Image) -> Image:
    """Returns a preview: every fourth pixel inverted for 8 bits a channel, else grey."""
    preview_format = PixelFormat.RGBA_U8 if picture.format.has_alpha else PixelFormat.RGB_U8
    width, height = -(-picture.width // 4), -(-picture.height // 4)
    if picture.format is not preview_format:
        grey = bytes([128]) * (width * height * preview_format.channels)
        return Image(width, height, preview_format, grey)
    pixels, pixel_bytes = memoryview(picture.pixels), picture.format.bytes_per_pixel
    samples = b"".join(
        pixels[(y * picture.width + x) * pixel_bytes :][:pixel_bytes]
        for y in range(0, picture.height, 4)
        for x in range(0, picture.width, 4)
    )
    return invert(Image(width, height, preview_format, samples))


def painted_px(order: Submit) -> int:
    """Returns the longest side at which a picture is painted to its end."""
    layer_px = max(order.content.width, order.content.height)
    return painted_side_px(min(order.settings.size, layer_px), order.settings.quality)


def columns(photo: Image, count: int) -> Image:
    """Returns the masks of as many columns of a photo, one below the other, the first one wider."""
    widths = [photo.width // count] * count
    widths[0] += photo.width % count
    masks = bytearray()
    for number, width in enumerate(widths):
        left = sum(widths[:number])
        row = bytes(left) + bytes([255]) * width + bytes(photo.width - left - width)
        masks += bytes(value for value in row for _ in range(3)) * photo.height
    return Image(photo.width, photo.height * count, PixelFormat.RGB_U8, bytes(masks))


def describe_styles(order: Submit) -> list[dict[str, Any]]:
    """Describes each style: its painting's size and first pixel, weight, whiteness of region."""
    return [
        {
            "size": [style.image.width, style.image.height],
            "first_pixel": list(style.image.pixels[: style.image.format.bytes_per_pixel]),
            "weight": style.weight,
            "region": None if style.region is None else list(style.region.pixels[::3]),
        }
        for style in order.styles
    ]


def grid(picture: Image) -> list[int]:
    """Returns the mean brightness of 8 × 8 blocks of a picture with 8 bits a channel."""
    size, pixels = picture.format.bytes_per_pixel, bytes(picture.pixels)
    means = []
    for row in range(_BLOCKS):
        for column in range(_BLOCKS):
            left, right = (picture.width * edge // _BLOCKS for edge in (column, column + 1))
            top, bottom = (picture.height * edge // _BLOCKS for edge in (row, row + 1))
            block = b"".join(
                pixels[(y * picture.width + left) * size : (y * picture.width + right) * size]
                for y in range(top, bottom)
            )
            greens = block[1::size]
            means.append(sum(greens) // max(1, len(greens)))
    return means


def describe_beginning(order: Submit) -> dict[str, Any] | None:
    """Describes the picture to begin from: its size, and whether this daemon made it."""
    if order.begin_from is None:
        return None
    made = bytes(invert(order.content).pixels)
    is_made_here = bytes(order.begin_from.image.pixels) == made
    begun, photo = order.begin_from.image, order.begin_from.photo
    return {
        "size": order.begun_px,
        "picture": [begun.width, begun.height],
        "grid": grid(begun),
        "is_inverted_content": is_made_here,
        "is_inverted_frame": photo is not None
        and bytes(begun.pixels) == bytes(invert(photo).pixels),
    }


class ScriptedDaemon:
    """Serves one client after the other at `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self._folder = Path(endpoint.removeprefix("ipc://")).parent
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket = zmq.Context.instance().socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.bind(endpoint)
        self._pictures: dict[str, Image] = {}
        self._jobs: dict[str, tuple[bytes, Iterator[News]]] = {}
        self._kept: set[str] = set()
        self._detached: set[str] = set()
        self._reports: dict[str, JobReport] = {}

    def serve(self) -> None:
        """Answers until its folder is removed; every tick each job takes a step."""
        while self._folder.exists():
            while self._socket.poll(TICK_MS if self._jobs else IDLE_MS):
                address, *frames = self._socket.recv_multipart()
                message = decode(frames, ClientMessage)
                self._socket.send_multipart([address, *encode(self._reply(address, message))])
            for job, (address, news) in list(self._jobs.items()):
                if not self._take_step(job, address, news):
                    del self._jobs[job]

    def _take_step(self, job: str, address: bytes, news: Iterator[News]) -> bool:
        """Tells what is new about a job; returns whether it continues."""
        try:
            item = next(news)
        except StopIteration:
            return False
        if isinstance(item, JobReport):
            self._reports[job] = item
        return item is None or self._tell(address, item) or job in self._detached

    def _tell(self, address: bytes, news: JobReport | Preview) -> bool:
        """Sends a message; returns whether the client was still connected."""
        message = Update(news) if isinstance(news, JobReport) else news
        try:
            self._socket.send_multipart([address, *encode(message)])
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True

    def _reply(self, address: bytes, message: Any) -> Any:
        if isinstance(message, Hello):
            return Welcome(message.id, "boot", "test", Limits(2**30, 10**8, 8))
        if isinstance(message, Forecast):
            (self._folder / "forecast").touch()
            painting_s = message.settings.size * self._seconds_per_pixel()
            return ForecastReport(message.id, painting_s, 0.0, 2 * 10**9, 10**10, 3)
        if isinstance(message, Status):
            worker = WorkerReport()
            jobs = tuple(self._reports.values())
            has_opencv = not (self._folder / "no_opencv").exists()
            return StatusReport(
                *(message.id, os.getpid(), "test", 1.0, worker, jobs),
                models=MODELS,
                moves_frames=has_opencv,
            )
        if isinstance(message, Fetch):
            return Result(message.id, message.job, self._pictures[message.job])
        if isinstance(message, Submit):
            if message.settings.seed == Behaviour.REFUSE:
                problem = Problem(ErrorCode.QUEUE_FULL, "The queue is full. Try again later.")
                return ErrorReply(message.id, problem)
            (self._folder / "styles.json").write_text(json.dumps(describe_styles(message)))
            beginning = json.dumps(describe_beginning(message))
            (self._folder / "beginning.json").write_text(beginning)
            self._note("beginnings", beginning)
            self._jobs[message.job] = (address, self._paint(message))
        if isinstance(message, Segment):
            self._jobs[message.job] = (address, self._segment(message))
        self._change(address, message)
        return Accepted(message.id, JobReport(message.job, JobState.QUEUED))

    def _change(self, address: bytes, message: Any) -> None:
        if isinstance(message, Forget):
            self._reports.pop(message.job, None)
            self._note("forgotten", message.job)
        if isinstance(message, Detach):
            self._detached.add(message.job)
            self._note("detached", message.job)
        if isinstance(message, Cancel):
            address, _ = self._jobs.pop(message.job, (address, None))
            self._reports.pop(message.job, None)
            self._tell(address, JobReport(message.job, JobState.CANCELLED))
            self._note("cancelled", message.job)
        if isinstance(message, Watch) and message.previews:
            self._note("previews", str(message.previews.longest_side_px))
        if isinstance(message, Keep):
            self._kept.add(message.job)

    def _note(self, file_name: str, line: str) -> None:
        with (self._folder / file_name).open("a") as file:
            file.write(f"{line}\n")

    def _seconds_per_pixel(self) -> float:
        file = self._folder / "seconds_per_pixel"
        return float(file.read_text()) if file.exists() else 0.1

    def _segment(self, order: Segment) -> Iterator[News]:
        yield JobReport(order.job, JobState.RUNNING)
        self._pictures[order.job] = columns(order.content, order.regions or 3)
        yield JobReport(order.job, JobState.DONE)

    def _paint(self, order: Submit) -> Iterator[News]:
        job, steps, behaviour = order.job, 100, Behaviour(order.settings.seed)
        yield JobReport(job, JobState.QUEUED, position=2)
        yield JobReport(job, JobState.RUNNING)
        half_way = JobReport(
            job, JobState.RUNNING, step=50, steps=steps, done=0.5, loss=2.5, eta_s=42.0
        )
        yield half_way
        if order.previews:
            yield Preview(job, 50, sketch(order.content))
        if behaviour is Behaviour.DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        is_later = behaviour is Behaviour.FAIL_LATER and order.begin_from is not None
        if behaviour is Behaviour.FAIL or is_later:
            problem = Problem(ErrorCode.OUT_OF_MEMORY, "There is not enough memory for it.")
            yield JobReport(job, JobState.FAILED, problem=problem)
            return
        if behaviour is Behaviour.CANCEL:
            yield JobReport(job, JobState.CANCELLED)
            return
        resume = self._folder / "resume"
        pause = self._folder / "pause"
        must_pause = behaviour is Behaviour.PAUSE or (
            pause.exists() and pause.read_text() == order.settings.content_layers
        )
        for tick in count():
            if not must_pause or job in self._kept or resume.exists():
                break
            (self._folder / "paused").touch()
            # Not each time: a client that reads all the time is never at rest.
            yield half_way if tick % _TICKS_OF_A_PAUSE == 0 else None
        self._pictures[job] = invert(order.content)
        if behaviour is Behaviour.SHRINK:
            self._pictures[job] = Image(1, 1, order.content.format, bytes(4))
        yield JobReport(
            *(job, JobState.DONE),
            step=50 if job in self._kept else steps,
            steps=steps,
            done=1.0,
            kept_s=3600.0,
            painted_px=painted_px(order) // 2 if job in self._kept else painted_px(order),
        )


def main() -> None:
    """Serves at the endpoint that the last argument names."""
    ScriptedDaemon(sys.argv[-1]).serve()


if __name__ == "__main__":
    main()
