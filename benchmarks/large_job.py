"""Measures time and memory of large jobs in the daemon.

    python -m benchmarks large_job CASE [CASE ...]

A case is WIDTHxHEIGHT or, with a memory limit, WIDTHxHEIGHT@GIGABYTES; :N sets the number of
evaluations, at least 2, by default 5. Each case starts a daemon as clients do; all evaluations are
at the size named. The table shows the daemon's estimate, the peak memory of its two processes, and
the duration of an evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence

import samples
from cases import Case, read_case
from impasto_daemon.commands.image_file import read_image
from impasto_shared.client import Client
from impasto_shared.launcher import MEMORY_VARIABLES
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess
from processes import peak_bytes
from record import ENGINE, SERVICE, Table

MEASURED = (*ENGINE, *SERVICE)


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each case."""
    rows = []
    for text in arguments:
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
        rows.append(cells)
    size = ("Picture", "Megapixels", "Limit", "Tiles")
    return Table((*size, "Estimate", "Worker", "Server", "Evaluation", "Per megapixel"), rows)


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
