"""Measures time and memory of large jobs in the daemon.

    PYTHONPATH=tests python benchmarks/large_job.py CASE [CASE ...]

A case is WIDTHxHEIGHT or, with a memory limit, WIDTHxHEIGHT@GIGABYTES; :N sets the number of
evaluations, at least 2, by default 5. Each case starts a daemon as clients do; all evaluations are
at the size named. The table shows the daemon's estimate, the peak memory of its two processes, and
the duration of an evaluation.
"""

from __future__ import annotations

import sys

import samples
from cases import Case, read_case
from impasto_daemon.commands.image_file import read_image
from impasto_shared.client import Client
from impasto_shared.launcher import MEMORY_VARIABLES
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess
from processes import peak_bytes


def main() -> None:
    """Prints a row for each case."""
    print(
        "| Picture | Megapixels | Limit | Tiles | Estimate | Worker | Server "
        "| Evaluation | Per megapixel |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for text in sys.argv[1:]:
        case = read_case(text, evaluations=5)
        options = [] if case.limit_gb is None else ["--memory-limit-gb", str(case.limit_gb)]
        with (
            DaemonProcess(options=options, variables=MEMORY_VARIABLES) as daemon,
            daemon.client() as client,
        ):
            forecast = client.forecast(case.settings, case.width, case.height)
            if forecast is None:
                raise SystemExit("The daemon makes no estimate.")
            evaluation_s, *peaks = _paint(client, case)
        megapixels = case.width * case.height / 1e6
        cells = (
            case.name,
            f"{megapixels:.2g}",
            case.limit,
            str(forecast.tiles),
            *(f"{size / 1e9:.2f} GB" for size in (forecast.needed_bytes, *peaks)),
            f"{evaluation_s:.1f} s",
            f"{evaluation_s / megapixels:.1f} s",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


def _paint(client: Client, case: Case) -> tuple[float, int, int]:
    """Returns the seconds of an evaluation, and the peak bytes of worker and server."""
    style = Style(read_image(samples.painting("great_wave")))
    job = client.submit(case.photo(), [style], case.settings)
    for report in client.updates(job):
        if report.problem is not None:
            raise SystemExit(report.problem.message)
    picture = client.fetch(job)
    if (picture.width, picture.height) != (case.width, case.height):
        raise SystemExit("The picture has another size than the photo.")
    first, *_, last = client.curve(job)
    evaluation_s = (last.seconds - first.seconds) / (last.step - first.step)
    status = client.status()
    if status.worker.pid is None:
        raise SystemExit("The daemon has no worker.")
    return evaluation_s, peak_bytes(status.worker.pid), peak_bytes(status.pid)


if __name__ == "__main__":
    main()
