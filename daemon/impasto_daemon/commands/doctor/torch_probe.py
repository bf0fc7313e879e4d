"""Prints, as JSON, what PyTorch and the networks on this machine are; a process of its own.

{"torch", "torchvision", "cuda", "gpu": name or null,
 "networks": [{"model", "path" where it is whole, "problem" where it is damaged}]}
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

import torch

from impasto_daemon.models.weights import WeightsDamaged, list_kept, verify


def main() -> None:
    """Prints the report."""
    networks = []
    for kept in list_kept():
        network = {"model": kept.model.value}
        if kept.path is not None:
            try:
                network["path"] = str(verify(kept.model))
            except WeightsDamaged as error:
                network["problem"] = str(error)
        networks.append(network)
    report = {
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "cuda": torch.version.cuda,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "networks": networks,
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
