"""How many copies of a large layer a process has: python benchmarks/large_layer.py [WIDTH HEIGHT].

A layer of 60 megapixels goes to a daemon of its own, is painted at 256 pixels in three evaluations,
and comes back. The table: the peak of each process beyond its peak with a small layer, in megabytes
and in copies of the layer; then that of `impasto stylize`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from impasto_daemon.commands.image_file import write_image
from impasto_shared.client import Client
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from processes import peak_bytes

WIDTH, HEIGHT = 9000, 6667
SETTINGS = StyleSettings(size=256, iterations=3)
_START_S = 20.0
# The worker gives memory back when a job has ended.
_SETTLED_S = 2.0


def main() -> None:
    """Prints the tables."""
    width, height = (int(argument) for argument in sys.argv[1:3] or (WIDTH, HEIGHT))
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
                    _measure(client, width, height, form)
            _measure_command(Path(folder), width, height)
        finally:
            daemon.terminate()
            daemon.wait()


def _connected(endpoint: str) -> Client:
    deadline_s = time.monotonic() + _START_S
    while True:
        try:
            return Client.connect(endpoint, name="benchmark")
        except DaemonUnavailable:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def _measure(client: Client, width: int, height: int, form: PixelFormat) -> None:
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
    print(f"{width} × {height}, {form.value}: {layer_bytes / 1e6:.0f} MB")
    for name, pid in processes.items():
        more = peak_bytes(pid) - before[name]
        print(f"| {name} | {more / 1e6:.0f} | {more / layer_bytes:.2f} |")


def _paint(client: Client, layer: Image, style: Style) -> None:
    job = client.submit(layer, [style], SETTINGS)
    *_, last = client.updates(job)
    if last.problem is not None:
        raise SystemExit(last.problem.message)
    client.fetch(job)
    client.forget(job)


def _measure_command(folder: Path, width: int, height: int) -> None:
    """That of `impasto stylize`, beyond what it has for a small picture."""
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
        # Not the peak that wait4 gives: it counts the process that this one was started by.
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_bytes(process.pid))
            time.sleep(0.05)
        if process.returncode:
            raise SystemExit("impasto stylize failed")
        peaks.append(peak)
    more = peaks[1] - peaks[0]
    print(f"| impasto stylize | {more / 1e6:.0f} | {more / (3 * width * height):.2f} |")


def _picture(width: int, height: int, form: PixelFormat) -> Image:
    """Waves of colour, made row by row: nothing else is as large as its bytes."""
    row = bytearray(width * height * form.bytes_per_pixel)
    rows = np.frombuffer(row, np.uint8).reshape(height, -1)
    across = np.arange(rows.shape[1]) // 7
    for index in range(height):
        rows[index] = (across + index // 5) % 256
    return Image(width, height, form, memoryview(row))


def _forget_peak(pid: int) -> None:
    """Has the system count the peak of a process anew from here."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
