"""The notation for weighted layers of the network: `relu1_1:2,relu2_1:1`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from impasto_shared.text.sentences import sentence

# The papers' names for VGG's layers, and torchvision's paths of nodes in other networks.
_LAYER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_SEPARATORS = re.compile(r"[\s,]+")


class LayersNotUnderstood(ValueError):
    """A text does not name layers; the code of the sentence that says why, and its values."""

    def __init__(self, code: str, **values: str) -> None:
        super().__init__(sentence(code, label="Layers", **values))
        self.code, self.values = code, values


def parse_layer_weights(text: str) -> dict[str, float]:
    """Returns the weight of each layer named in `text`, 1 by default; at least one layer.

    Layers are separated by commas or spaces. Whether they exist depends on the network and is not
    checked here. Raises LayersNotUnderstood for anything else.

    >>> parse_layer_weights("relu1_1:2 relu4_2")
    {'relu1_1': 2.0, 'relu4_2': 1.0}
    """
    weights: dict[str, float] = {}
    for entry in filter(None, _SEPARATORS.split(text)):
        name, _, weight = entry.partition(":")
        if not _LAYER.fullmatch(name):
            raise LayersNotUnderstood("no-layer-name", name=repr(name))
        if name in weights:
            raise LayersNotUnderstood("layer-twice", name=name)
        weights[name] = _parse_weight(name, weight) if ":" in entry else 1.0
    if not weights:
        raise LayersNotUnderstood("no-layers")
    return weights


def _parse_weight(name: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 1e-6 <= weight <= 1e6:  # false for NaN, too
        raise LayersNotUnderstood("no-layer-weight", name=name, value=repr(text))
    return weight


def format_layer_weights(weights: Mapping[str, float]) -> str:
    """Returns the text that `parse_layer_weights` reads.

    >>> format_layer_weights({"relu1_1": 2.0, "relu4_2": 1.0})
    'relu1_1:2,relu4_2:1'
    """
    return ",".join(f"{name}:{weight:g}" for name, weight in weights.items())
