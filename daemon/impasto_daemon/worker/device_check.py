"""Trial of an experimental device: a tiny picture, painted there and by the processor.

Some devices end the process, or calculate something else without saying so. The check is a process
of its own, `python -P -m impasto_daemon.worker.device_check DEVICE`.
"""

from __future__ import annotations

import logging
import subprocess
import sys

import torch

from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.stylize import stylize
from impasto_daemon.worker.devices import device_of, is_missing
from impasto_daemon.worker.measurement import blotches
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from impasto_shared.text.printable import printable

logger = logging.getLogger(__name__)

_ESTABLISHED = ("cpu", "cuda")
_SETTINGS = StyleSettings(size=64, iterations=4)
# Of 255, in the mean: rounding makes some hundredths.
_LARGEST_DIFFERENCE = 2.0
_TIMEOUT_S = 180.0


def trusted(device: torch.device) -> tuple[torch.device, str]:
    """Returns the device to paint on instead of `device`, and what to call it ("": its own name).

    The processor, with the reason, if `device` is experimental and does not paint what it should.
    """
    if device.type in _ESTABLISHED or is_missing(device):  # a job will say that it is missing
        return device, ""
    problem = _problem_of(device)
    if not problem:
        return device, ""
    logger.error("%s is not used: %s; the processor paints instead", device, problem)
    return torch.device("cpu"), f"CPU, instead of {device}: {problem}"


def _problem_of(device: torch.device) -> str:
    """Returns what is wrong with the device; "" if it can be trusted."""
    command = [sys.executable, "-P", "-m", __name__, str(device)]
    try:
        done = subprocess.run(  # noqa: S603 - this module
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return f"it did not paint a tiny picture within {_TIMEOUT_S:.0f} s"
    except OSError as error:
        return f"it cannot be tried: {error}"
    if done.returncode < 0:
        return f"painting a tiny picture ended its process (signal {-done.returncode})"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines() or ["painting a tiny picture failed"]
    return printable(lines[-1])


def difference(device: torch.device) -> float:
    """Returns how much a tiny picture painted on `device` differs from the processor's, of 255."""
    images = (_painted(each) for each in (device, torch.device("cpu")))
    one, other = (torch.frombuffer(bytearray(image.pixels), dtype=torch.uint8) for image in images)
    return (one.float() - other.float()).abs().mean().item()


def _painted(device: torch.device) -> Image:
    network = load_network(_SETTINGS.model, _SETTINGS.pooling, device=device, dtype=torch.float32)
    photo, painting = (blotches(_SETTINGS.size, seed) for seed in range(2))
    return stylize(network, photo, [Style(painting)], _SETTINGS)


def main() -> None:
    """Exits with 0 if the device named by the argument paints what the processor does."""
    distance = difference(device_of(sys.argv[1]))
    if not distance <= _LARGEST_DIFFERENCE:
        raise SystemExit(f"its picture differs from the processor's by {distance:.1f} of 255")


if __name__ == "__main__":
    main()
