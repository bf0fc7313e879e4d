"""Measures the round trip of a 24-megapixel layer through the daemon, without the painting.

    python -m benchmarks round_trip [ROUNDS]

A real daemon, started as clients start it, has a worker that returns every picture unpainted. For
comparison the same bytes go through a pipe to another process and back, in turn, so that the load
of the machine affects both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from impasto_shared.client import Client
from impasto_shared.image import Image, PixelFormat
from impasto_shared.launcher import MEMORY_VARIABLES
from integration.daemon_process import DaemonProcess
from integration.scripted_jobs import last_report, submit
from integration.scripted_worker import Behaviour
from record import SERVICE, Table

MEASURED = SERVICE

_WIDTH, _HEIGHT = 6000, 4000
# Reads a number of bytes, named on a line before them, then returns them.
_MIRROR = """
import sys
held = bytearray()
while line := sys.stdin.buffer.readline():
    if len(held) != int(line):
        held = bytearray(int(line))
    view = memoryview(held)
    while view:
        view = view[sys.stdin.buffer.readinto1(view):]
    sys.stdout.buffer.write(held)
    sys.stdout.buffer.flush()
"""


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns both times for three formats, and their ratio."""
    rounds = int(arguments[0]) if arguments else 7
    rows = []
    with (
        subprocess.Popen(  # noqa: S603 - the program above
            [sys.executable, "-c", _MIRROR], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as mirror,
        DaemonProcess(is_scripted=True, variables=MEMORY_VARIABLES) as daemon,
        daemon.client() as client,
    ):
        for form in (PixelFormat.RGB_U8, PixelFormat.RGBA_U8, PixelFormat.RGBA_FLOAT):
            pixels = os.urandom(_WIDTH * _HEIGHT * form.bytes_per_pixel)
            layer = Image(_WIDTH, _HEIGHT, form, pixels)
            times = [
                (_through_pipe(mirror, pixels), _through_service(client, layer))
                for _ in range(rounds + 1)
            ][1:]  # the first warms up
            pipe_s, service_s = map(statistics.median, zip(*times, strict=True))
            shown = f"{pipe_s * 1000:.0f} ms", f"{service_s * 1000:.0f} ms"
            ratio = f"{service_s / pipe_s:.2f}"
            rows.append((form.value, f"{len(pixels) / 1e6:.0f}", *shown, ratio))
    return Table(("Format", "Megabytes", "Pipe", "Service", "Ratio"), rows)


def _through_pipe(mirror: subprocess.Popen[bytes], pixels: bytes) -> float:
    """Returns the seconds until the last byte has arrived."""
    if mirror.stdin is None or mirror.stdout is None:
        raise ValueError("the mirror has no pipes")
    back = bytearray(len(pixels))
    begin_s = time.perf_counter()
    mirror.stdin.write(f"{len(pixels)}\n".encode())
    mirror.stdin.write(pixels)
    mirror.stdin.flush()
    view = memoryview(back)
    while view:
        view = view[mirror.stdout.readinto1(view) :]  # type: ignore[attr-defined]
    seconds = time.perf_counter() - begin_s
    _check(back == pixels)
    return seconds


def _through_service(client: Client, layer: Image) -> float:
    """Returns the seconds from submission until the picture is in this process's memory."""
    begin_s = time.perf_counter()
    job = submit(client, behaviour=Behaviour.ECHO, content=layer)
    last_report(client, job)
    painted = client.fetch(job)
    seconds = time.perf_counter() - begin_s
    _check(painted.pixels == layer.pixels)
    client.forget(job)
    return seconds


def _check(is_equal: bool) -> None:
    if not is_equal:
        raise ValueError("the bytes that arrived differ from those sent")
