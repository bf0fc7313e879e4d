"""The device that the benchmarks paint on: the GPU if there is one, as in the daemon's worker."""

from __future__ import annotations

import torch

from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.precision import number_type
from impasto_shared.settings import Model, Pooling, Precision

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""The device of the network."""


def name() -> str:
    """Returns the name of the device and the release of torch, for a table."""
    on = torch.cuda.get_device_name(DEVICE) if DEVICE.type == "cuda" else "processor"
    return f"torch {torch.__version__}, {on}"


def installed_network(pooling: Pooling, precision: Precision = Precision.AUTO) -> Network:
    """Returns the network that comes with Impasto as the worker would load it."""
    dtype = number_type(precision, DEVICE)
    return load_network(Model.VGG19, pooling, device=DEVICE, dtype=dtype)
