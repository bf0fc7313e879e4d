"""What size costs, in the daemon: PYTHONPATH=tests python benchmarks/large_job.py CASE [CASE ...].

A case is WIDTHxHEIGHT or, with a limit, WIDTHxHEIGHT@GIGABYTES; with :N it has N evaluations, else
5. Each has a daemon of its own, started as clients start it; all evaluations are at the size named.
The table: what the daemon forecasts, the most memory that each of its two processes has had, and
what an evaluation takes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import samples
from impasto_daemon.image_file import read_image
from impasto_daemon.style_transfer.tensors import from_image, resize, to_image
from impasto_shared.client import Client
from impasto_shared.image import Image
from impasto_shared.launcher import MEMORY_VARIABLES
from impasto_shared.messages import ForecastReport
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess

_CASE = re.compile(r"(\d+)x(\d+)(?:@([\d.]+))?(?::(\d+))?")


def main() -> None:
    """Prints a row for each case."""
    print("| Picture | Limit | Tiles | Forecast | Worker | Server | Evaluation | per megapixel |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for case in sys.argv[1:]:
        found = _CASE.fullmatch(case)
        if found is None:
            raise SystemExit(f"{case} is no case: see the first lines of this file")
        width, height = int(found[1]), int(found[2])
        limit, evaluations = found[3], int(found[4] or 5)
        options = ["--memory-limit-gb", limit] if limit else []
        with (
            DaemonProcess(options=options, variables=MEMORY_VARIABLES) as daemon,
            daemon.client() as client,
        ):
            settings = StyleSettings(size=max(width, height), iterations=evaluations, scales=1)
            forecast = client.forecast(settings, width, height)
            if forecast is None:
                raise SystemExit("The daemon makes no forecast.")
            evaluation_s, worker, server = _paint(client, _photo(width, height), settings)
        print(_row(width, height, limit, forecast, evaluation_s, worker, server), flush=True)


def _row(
    width: int,
    height: int,
    limit: str | None,
    forecast: ForecastReport,
    evaluation_s: float,
    worker_bytes: int,
    server_bytes: int,
) -> str:
    cells = (
        f"{width} × {height}",
        f"{limit} GB" if limit else "–",
        str(forecast.tiles),
        *(f"{n / 1e9:.2f} GB" for n in (forecast.needed_bytes, worker_bytes, server_bytes)),
        f"{evaluation_s:.1f} s",
        f"{evaluation_s / (width * height / 1e6):.1f} s",
    )
    return f"| {' | '.join(cells)} |"


def _paint(client: Client, photo: Image, settings: StyleSettings) -> tuple[float, int, int]:
    """Seconds of an evaluation, and the peaks of worker and server in bytes."""
    style = Style(read_image(samples.painting("great_wave"))[0])
    job = client.submit(photo, [style], settings)
    peaks = {"worker": 0, "server": 0}
    for report in client.updates(job):
        if report.problem is not None:
            raise SystemExit(report.problem.message)
        status = client.status()
        for name, pid in (("worker", status.worker.pid), ("server", status.pid)):
            if pid is not None:
                peaks[name] = max(peaks[name], _peak_bytes(pid))
    picture = client.fetch(job)
    if (picture.width, picture.height) != (photo.width, photo.height):
        raise SystemExit("The picture has another size than the photo.")
    first, *_, last = client.curve(job)
    evaluation_s = (last.seconds - first.seconds) / (last.step - first.step)
    return evaluation_s, peaks["worker"], _peak_bytes(client.status().pid)


def _photo(width: int, height: int) -> Image:
    rgb = from_image(read_image(samples.photo("summer_palace"))[0]).rgb
    return to_image(resize(rgb, height, width))


def _peak_bytes(pid: int) -> int:
    """The most memory that a process has had so far."""
    found = re.search(r"^VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return 1024 * int(found[1]) if found else 0


if __name__ == "__main__":
    main()
