"""What painting takes of memory, beside its forecast: python benchmarks/memory.py CASE [CASE ...].

A case is WIDTHxHEIGHT@GIGABYTES, with a limit, or WIDTHxHEIGHT, without one; with :N it has N
evaluations, else 8. Each runs in a process of its own, as in the daemon's worker.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time

import as_in_worker  # noqa: F401 - before torch

# isort: split
import logging

import samples
from impasto_daemon.image_file import read_image
from impasto_daemon.memory import peak_bytes
from impasto_daemon.style_transfer.memory_plan import Plan, Work, choose
from impasto_daemon.style_transfer.pyramid import plan_scales
from impasto_daemon.style_transfer.stylize import stylize
from impasto_daemon.style_transfer.tensors import from_image, resize, to_image
from impasto_daemon.weights import load_network
from impasto_shared.settings import Model, StyleSettings
from impasto_shared.style import Style

_CASE = re.compile(r"(\d+)x(\d+)(?:@([\d.]+))?(?::(\d+))?")


def paint(width: int, height: int, limit_bytes: float, evaluations: int) -> dict[str, float]:
    """Seconds and bytes of one job, the plan of its finest scale included."""
    # All at the finest scale: the coarser ones need less.
    settings = StyleSettings(size=max(width, height), iterations=evaluations, scales=1)
    rgb = from_image(read_image(samples.photo("summer_palace"))[0]).rgb
    photo = to_image(resize(rgb, height, width))
    style = Style(read_image(samples.painting("great_wave"))[0])
    plan = finest(width, height, limit_bytes, settings, style)
    network = load_network(Model.VGG16_HED, settings.pooling)
    started_s = time.monotonic()
    stylize(network, photo, [style], settings, available_bytes=limit_bytes)
    return {
        "side_px": plan.side_px or 0,
        "history": plan.history,
        "needed": plan.needed_bytes,
        "peak": peak_bytes(),
        "seconds": time.monotonic() - started_s,
    }


def finest(
    width: int, height: int, limit_bytes: float, settings: StyleSettings, style: Style
) -> Plan:
    """How the finest scale will be painted."""
    scale = plan_scales(settings.size, settings)[-1]
    longest = max(style.image.width, style.image.height)
    factor = min(1.0, settings.size / longest)
    painting_px = round(style.image.width * style.image.height * factor**2)
    work = Work(height, width, painting_px, scale.evaluations, settings.optimizer)
    return choose(work, limit_bytes)


def main() -> None:
    """Prints a row for each case."""
    if sys.argv[1] == "--child":
        logging.basicConfig(level=logging.WARNING)
        width, height, limit, evaluations = map(float, sys.argv[2:])
        print(json.dumps(paint(int(width), int(height), limit, int(evaluations))))
        return
    print("| Picture | Limit | Tiles of | History | Forecast | Peak | Difference | Time |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for case in sys.argv[1:]:
        found = _CASE.fullmatch(case)
        if found is None:
            raise SystemExit(f"{case} is no case: see the first lines of this file")
        width, height, limit_gb, evaluations = found.groups()
        limit = float(limit_gb) * 1e9 if limit_gb else math.inf
        child = [sys.executable, __file__, "--child", width, height, str(limit), evaluations or "8"]
        answer = subprocess.run(child, capture_output=True, text=True, check=True)  # noqa: S603
        row = json.loads(answer.stdout)
        print(
            f"| {width} × {height} | {f'{limit_gb} GB' if limit_gb else '–'} "
            f"| {row['side_px'] or '–'} | {row['history']} | {row['needed'] / 1e9:.2f} GB "
            f"| {row['peak'] / 1e9:.2f} GB | {row['needed'] / row['peak'] - 1:+.0%} "
            f"| {row['seconds']:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
