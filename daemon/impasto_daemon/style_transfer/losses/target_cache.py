"""Targets kept from one picture for the next one of the same photo and paintings.

A kept value is equal, bit by bit, to the one that would be computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Region
from impasto_daemon.style_transfer.networks.network import Network

Value = TypeVar("Value")


class TargetCache:
    """Values by the inputs that they are computed from.

    limit_bytes: of the tensors in them; beyond it, the values unused for longest are dropped.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._values: dict[bytes, tuple[object, int]] = {}

    @property
    def size_bytes(self) -> int:
        """The bytes of all tensors kept; those in two values count twice."""
        return sum(size for _, size in self._values.values())

    def get(self, name: str, inputs: Iterable[object], make: Callable[[], Value]) -> Value:
        """Returns what `make` returns, or returned before for the same name and inputs.

        inputs: all that the value depends on: tensors, regions, and what `repr` tells apart.
        """
        if not self._limit_bytes:
            return make()
        key = digest([name, *inputs])
        entry = self._values.pop(key, None)
        if entry is None:
            made = make()
            entry = made, _tensor_bytes(made, set())
        self._values[key] = entry
        while self.size_bytes > self._limit_bytes:
            del self._values[next(iter(self._values))]
        value: Value = entry[0]  # type: ignore[assignment]
        return value


NO_CACHE = TargetCache(0)
"""Keeps nothing."""


def digest(inputs: Iterable[object]) -> bytes:
    """Returns the same bytes for the same tensors, regions, and values of the same `repr`."""
    state = hashlib.blake2b(digest_size=32)
    for part in _parts(inputs):
        if isinstance(part, Tensor):
            state.update(f"{part.dtype} {part.device} {tuple(part.shape)}".encode())
            state.update(part.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        else:
            state.update(f"{part!r};".encode())
    return state.digest()


def _parts(inputs: Iterable[object]) -> Iterable[object]:
    """Yields the inputs, regions taken apart."""
    for part in inputs:
        if isinstance(part, Region):
            yield part.mask
            for painting in part.paintings:
                yield from (painting.rgb, painting.share, painting.part)
        else:
            yield part


def _tensor_bytes(value: object, counted: set[int]) -> int:
    """Returns the bytes of the tensors in a value; each is counted once, by its identity.

    A network, to which a guide refers, is in memory anyway.
    """
    if id(value) in counted or isinstance(value, Network | str | bytes | int | float | None):
        return 0
    counted.add(id(value))
    if isinstance(value, Tensor):
        return value.untyped_storage().nbytes()
    if isinstance(value, Mapping):
        return sum(_tensor_bytes(each, counted) for each in value.values())
    if isinstance(value, Sequence):
        return sum(_tensor_bytes(each, counted) for each in value)
    return _tensor_bytes(getattr(value, "__dict__", ()), counted)
