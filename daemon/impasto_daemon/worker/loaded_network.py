"""The network in a process that paints: loaded once, for all pictures that use the same."""

from __future__ import annotations

import torch

from impasto_daemon.models import weights
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.precision import number_type
from impasto_daemon.style_transfer.optimize import ShouldStop
from impasto_daemon.worker.devices import check_device
from impasto_shared.settings import Pooling, StyleSettings


class LoadedNetwork:
    """The network of the last picture, on `device`."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._kind: tuple[str, Pooling, torch.dtype] | None = None
        self._network: Network

    def has(self, settings: StyleSettings) -> bool:
        """Returns whether the network of the settings is loaded."""
        return self._kind == self._kind_of(settings)

    def get(self, settings: StyleSettings, should_stop: ShouldStop) -> Network:
        """Returns the network of the settings, from memory if it is loaded.

        Raises DeviceMissing, and what `load_network` does.
        """
        check_device(self.device)
        kind = model, pooling, dtype = self._kind_of(settings)
        if self._kind != kind:
            self._network = weights.load_network(
                model, pooling, device=self.device, dtype=dtype, should_stop=should_stop
            )
            self._kind = kind
        return self._network

    def _kind_of(self, settings: StyleSettings) -> tuple[str, Pooling, torch.dtype]:
        dtype = number_type(settings.precision, self.device)
        return settings.model, settings.pooling, dtype
