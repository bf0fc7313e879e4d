"""Counts the copies of a large layer in each process.

    python -m benchmarks large_layer [WIDTH HEIGHT]

A daemon paints a layer of 60 megapixels at 256 pixels in three evaluations. The table shows the
peak of each process in excess of its peak with a small layer, in megabytes and in copies of the
layer; then that of `impasto stylize`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from impasto_daemon.commands.image_file import write_image
from impasto_shared.client import Client
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from processes import peak_bytes
from record import ENGINE, SERVICE, Table

MEASURED = (*ENGINE, *SERVICE)
WIDTH, HEIGHT = 9000, 6667
SETTINGS = StyleSettings(size=256, iterations=3)
Row = tuple[str, str, str, str]

_START_S = 20.0
# The worker returns memory to the system after a job.
_SETTLED_S = 2.0


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each format and process."""
    width, height = (int(argument) for argument in arguments[:2] or (WIDTH, HEIGHT))
    rows = []
    with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
        environment = {
            **os.environ,
            "XDG_RUNTIME_DIR": folder,
            "XDG_CACHE_HOME": folder,
            "XDG_STATE_HOME": folder,
            "IMPASTO_ENDPOINT": f"ipc://{folder}/impasto/daemon.sock",
        }
        os.environ.update(environment)
        daemon = subprocess.Popen([sys.executable, "-m", "impasto_daemon", "serve"])
        try:
            with _connected(environment["IMPASTO_ENDPOINT"]) as client:
                for form in (PixelFormat.RGB_U8, PixelFormat.RGBA_U16):
                    rows += _measure(client, width, height, form)
            rows.append(_measure_command(Path(folder), width, height))
        finally:
            daemon.terminate()
            daemon.wait()
    return Table(("Format", "Process", "MB", "Copies of the layer"), rows)


def _connected(endpoint: str) -> Client:
    deadline_s = time.monotonic() + _START_S
    while True:
        try:
            return Client.connect(endpoint, name="benchmark")
        except DaemonUnavailable:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def _measure(client: Client, width: int, height: int, form: PixelFormat) -> list[Row]:
    style = Style(_picture(300, 200, PixelFormat.RGB_U8))
    _paint(client, _picture(320, 240, form), style)
    status = client.status()
    if status.worker.pid is None:
        raise SystemExit("The daemon has no worker.")
    processes = {"client": os.getpid(), "server": status.pid, "worker": status.worker.pid}
    time.sleep(_SETTLED_S)
    for pid in processes.values():
        _forget_peak(pid)
    _paint(client, _picture(320, 240, form), style)
    before = {name: peak_bytes(pid) for name, pid in processes.items()}
    time.sleep(_SETTLED_S)
    for pid in processes.values():
        _forget_peak(pid)
    layer = _picture(width, height, form)
    layer_bytes = memoryview(layer.pixels).nbytes
    _paint(client, layer, style)
    excesses = {name: peak_bytes(pid) - before[name] for name, pid in processes.items()}
    return [_row(form, name, excess, layer_bytes) for name, excess in excesses.items()]


def _row(form: PixelFormat, name: str, excess: int, layer_bytes: int) -> Row:
    return form.value, name, f"{excess / 1e6:.0f}", f"{excess / layer_bytes:.2f}"


def _paint(client: Client, layer: Image, style: Style) -> None:
    job = client.submit(layer, [style], SETTINGS)
    *_, last = client.updates(job)
    if last.problem is not None:
        raise SystemExit(last.problem.message)
    client.fetch(job)
    client.forget(job)


def _measure_command(folder: Path, width: int, height: int) -> Row:
    """Returns the peak of `impasto stylize` in excess of its peak with a small picture."""
    painting = folder / "painting.png"
    write_image(_picture(300, 200, PixelFormat.RGB_U8), painting)
    peaks = []
    for size in ((320, 240), (width, height)):
        photo = folder / "photo.jpg"
        write_image(_picture(*size, PixelFormat.RGB_U8), photo)
        options = [str(photo), str(painting), "-o", str(folder / "out.png")]
        options += ["--size", str(SETTINGS.size), "--iterations", str(SETTINGS.iterations)]
        command = [sys.executable, "-m", "impasto_daemon", "stylize", *options]
        process = subprocess.Popen(command)  # noqa: S603 - our own program
        # The peak reported by wait4 would include the process that started this one.
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_bytes(process.pid))
            time.sleep(0.05)
        if process.returncode:
            raise SystemExit("impasto stylize failed")
        peaks.append(peak)
    excess = peaks[1] - peaks[0]
    return _row(PixelFormat.RGB_U8, "impasto stylize", excess, 3 * width * height)


def _picture(width: int, height: int, form: PixelFormat) -> Image:
    """Returns waves of colour, made row by row without a second copy of the pixels."""
    row = bytearray(width * height * form.bytes_per_pixel)
    rows = np.frombuffer(row, np.uint8).reshape(height, -1)
    across = np.arange(rows.shape[1]) // 7
    for index in range(height):
        rows[index] = (across + index // 5) % 256
    return Image(width, height, form, memoryview(row))


def _forget_peak(pid: int) -> None:
    """Resets the peak that the system counts for a process."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
