"""The checks of the machine and of the daemon's environment: versions, memory, GPU, networks."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from impasto_daemon.commands.doctor.finding import Finding, note, ok, problem
from impasto_daemon.models.cache import hub_folder
from impasto_daemon.models.download import unfinished_folder
from impasto_daemon.setup.environment import how_to_repair, this_environment
from impasto_daemon.setup.programs import PATIENCE_S, captured
from impasto_daemon.system.host import physical_bytes
from impasto_daemon.system.process_memory import may_have_gpu
from impasto_shared import __version__
from impasto_shared.settings import Model

# Reading 550 MB of downloaded weights and computing their checksum takes seconds on a slow disk.
_PAINTING_PATIENCE_S = 3 * PATIENCE_S


def _repair() -> str:
    return how_to_repair(this_environment())


def check_machine() -> Iterator[Finding]:
    """Reports the versions of everything, and the size of the machine."""
    yield ok("Impasto", f"{__version__} in {Path(__file__).parents[3]}")
    yield ok("Python", f"{platform.python_version()} ({sys.executable})")
    yield ok("system", ", ".join([platform.platform(), *_distribution()]))
    memory_gib = physical_bytes() / 2**30
    yield ok("memory", f"{memory_gib:.1f} GiB, {os.cpu_count()} processors")
    yield _check_zmq()


def _distribution() -> list[str]:
    """Returns the name of the Linux distribution, if it says one; other systems are none."""
    try:
        return [platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")]
    except OSError:
        return []


def _check_zmq() -> Finding:
    try:
        import zmq  # here, because the doctor must start without it
    except ImportError as error:
        return problem("ZeroMQ", f"pyzmq cannot be used: {error}", _repair())
    text = f"pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}"
    if not zmq.has("curve"):
        return problem("ZeroMQ", f"{text}, built without encryption (curve)", _repair())
    return ok("ZeroMQ", text)


def check_painting(python: str = sys.executable) -> Iterator[Finding]:
    """Checks PyTorch, the GPU and the networks, in a process of their own.

    A broken PyTorch may raise, crash or hang, which must not end the doctor.
    """
    try:
        completed = captured(
            [python, "-P", "-m", "impasto_daemon.commands.doctor.torch_probe"],
            _PAINTING_PATIENCE_S,
        )
    except OSError as error:
        yield problem("PyTorch", f"{python} cannot be run: {error}", _repair())
        return
    except subprocess.TimeoutExpired:
        yield problem(
            "PyTorch", f"it did not answer within {_PAINTING_PATIENCE_S:.0f} s", _repair()
        )
        return
    try:
        report = json.loads(completed.stdout)
    except ValueError:
        last_line = (completed.stderr.strip() or f"status {completed.returncode}").splitlines()[-1]
        yield problem("PyTorch", f"it cannot be used: {last_line}", _repair())
        return
    yield ok("PyTorch", f"{report['torch']}, torchvision {report['torchvision']}")
    yield _check_gpu(report)
    yield from _check_networks(report["networks"])
    yield from _check_downloads(unfinished_folder(hub_folder() / "any"))


def _check_gpu(report: dict[str, Any]) -> Finding:
    if report["gpu"]:
        return ok("GPU", report["gpu"])
    if report["cuda"] is None and report["hip"] is None and may_have_gpu():
        return problem(
            "GPU",
            "this computer seems to have one, but PyTorch is installed for the processor only",
            "Run: impasto setup --gpu (a download of about 3 GB)",
        )
    if Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi"):
        return problem(
            "GPU",
            f"an NVIDIA driver is installed, but PyTorch (for CUDA {report['cuda']}) finds no GPU",
            "Run nvidia-smi: the driver may be too old for this version of CUDA.",
        )
    return ok("GPU", "none that PyTorch can use: pictures are painted on the processor")


def _check_networks(networks: list[dict[str, str]]) -> Iterator[Finding]:
    for network in networks:
        topic = f"network {network['model']}"
        if "problem" in network:
            comes_with_impasto = network["model"] == Model.VGG19
            yield problem(topic, network["problem"], _repair() if comes_with_impasto else "")
        elif "path" in network:
            yield ok(topic, f"complete, in {network['path']}")
        elif network["model"] == Model.VGG19:
            yield problem(topic, "the network that comes with Impasto is missing", _repair())


def _check_downloads(folder: Path) -> Iterator[Finding]:
    files = [file for file in folder.glob("*") if file.is_file() and file.stat().st_size]
    if files:
        size_mb = sum(file.stat().st_size for file in files) / 1e6
        text = f"{len(files)} unfinished, {size_mb:.0f} MB in {folder}"
        yield note("downloads", text, "The next use of the network continues; or remove them.")
