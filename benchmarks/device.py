"""Where benchmarks paint: on the GPU, where there is one, as the daemon's worker does."""

from __future__ import annotations

import torch

from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.precision import number_type
from impasto_shared.settings import Model, Pooling, Precision

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""Where the network is."""


def name() -> str:
    """What a table calls it, with torch's release."""
    on = torch.cuda.get_device_name(DEVICE) if DEVICE.type == "cuda" else "processor"
    return f"torch {torch.__version__}, {on}"


def embedded_network(pooling: Pooling, precision: Precision = Precision.AUTO) -> Network:
    """The embedded network as the worker would load it."""
    dtype = number_type(precision, DEVICE)
    return load_network(Model.VGG16_HED, pooling, device=DEVICE, dtype=dtype)
