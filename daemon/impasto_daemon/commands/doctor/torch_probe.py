"""A process of its own that prints, as JSON, the state of PyTorch, the GPU and the networks.

{"torch", "torchvision", "cuda", "hip": version that it is built for, or null,
 "gpu": name or null,
 "networks": [{"model", "path" if it is complete, "problem" if it is damaged}]}
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

import torch

from impasto_daemon.models.weights import WeightsDamaged, list_cached, verify


def main() -> None:
    """Prints the report."""
    json.dump(report(), sys.stdout)


def report() -> dict[str, object]:
    """Returns the report."""
    return {
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "networks": _networks(),
    }


def _networks() -> list[dict[str, str]]:
    networks = []
    for cached in list_cached():
        network = {"model": cached.model.value}
        if cached.path is not None:
            try:
                network["path"] = str(verify(cached.model))
            except WeightsDamaged as error:
                network["problem"] = str(error)
        networks.append(network)
    return networks


if __name__ == "__main__":
    main()
