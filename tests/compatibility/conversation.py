"""A client that makes every request once, and prints what it was answered as JSON.

`python conversation.py ENDPOINT PAINTED_FILE`, with the packages of one of two releases.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import impasto_shared
from impasto_shared.beginning import Beginning
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import JobReport
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

WIDTH, HEIGHT = 64, 48
SHORT = StyleSettings(iterations=3, size=64)
ENDLESS = StyleSettings(iterations=10_000, size=64)


def main(endpoint: str, painted_file: str) -> None:
    """Speaks with the daemon, and leaves it a detached job whose picture is in the file, too."""
    answers: dict[str, Any] = {"client": impasto_shared.__file__}
    with Client.connect(endpoint, name="conversation", timeout_s=20) as client:
        answers["limits"] = client.welcome.limits.styles
        forecast = client.forecast(SHORT, WIDTH, HEIGHT)
        answers["needed_bytes"] = forecast and forecast.needed_bytes
        answers["missing"] = code_of(client, "0" * 32)
        job = client.submit(
            photo(), [Style(photo(), 2.0, photo(), photo())], SHORT, detached=True, warm_start=True
        )
        answers["done"] = last_state(client, job)
        painted = client.fetch(job)
        Path(painted_file).write_bytes(painted.pixels)
        answers["job"] = job
        answers["size"] = [painted.width, painted.height]
        answers["curve"] = [point.step for point in client.curve(job)]
        larger = client.submit(photo(), [Style(photo())], SHORT, begin_from=Beginning(painted, 32))
        answers["larger"] = last_state(client, larger)
        client.forget(larger)
        answers["forgotten"] = code_of(client, larger)
        answers |= watch_and_end(client, endpoint)
        answers["jobs"] = len(client.jobs())
        answers["models"] = list(client.status().models)
    json.dump(answers, sys.stdout)


def photo() -> Image:
    """Returns two waves of colour."""
    pixels = bytes(
        (x * 7 + y * 5 + c * 80) % 256
        for y in range(HEIGHT)
        for x in range(WIDTH)
        for c in range(3)
    )
    return Image(WIDTH, HEIGHT, PixelFormat.RGB_U8, pixels)


def last_state(client: Client, job: str) -> str:
    """Waits for the end of a job; returns its state, and the problem if there is one."""
    *_, last = client.updates(job)
    return f"{last.state.value}{last.problem.message if last.problem else ''}"


def code_of(client: Client, job: str) -> str | None:
    """Returns the code with which the daemon refuses to fetch the job's picture."""
    try:
        client.fetch(job)
    except DaemonError as error:
        return error.code.value
    return None


def watch_and_end(client: Client, endpoint: str) -> dict[str, Any]:
    """Keeps a job that another client has watched, and cancels one."""
    previews = PreviewOptions(32, 0.2)
    kept = client.submit(photo(), [Style(photo())], ENDLESS, previews)
    with Client.connect(endpoint, name="spectator", timeout_s=20) as spectator:
        spectator.watch(kept)
        running: JobReport = next(
            report for report in spectator.updates(kept) if report.state.value == "running"
        )
    preview = None
    for report in client.updates(kept):
        preview = client.take_preview(kept) or preview
        if report.step > 2 and preview is not None:
            break
    detached = client.detach(kept).detached
    client.keep(kept)
    state = last_state(client, kept)
    cancelled = client.submit(photo(), [Style(photo())], ENDLESS)
    client.cancel(cancelled)
    return {
        "watched": running.client,
        "preview": preview and [preview.width, preview.height],
        "detached": detached,
        "kept": state,
        "cancelled": last_state(client, cancelled),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
