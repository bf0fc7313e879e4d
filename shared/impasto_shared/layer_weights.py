"""Layers of the network with their weights, as text: `relu1_1:2,relu2_1:1`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

# The papers' names of VGG's layers, and the paths that torchvision gives to the nodes of others.
_LAYER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_EXAMPLES = "the names are like relu4_2, or layer3.0.add"
_SEPARATORS = re.compile(r"[\s,]+")


def parse_layer_weights(text: str) -> dict[str, float]:
    """The weight of each layer named in `text`, 1 where none is given; at least one layer.

    Layers are separated by commas or spaces; which there are only the network knows. Raises
    ValueError, with a sentence, for anything else.

    >>> parse_layer_weights("relu1_1:2 relu4_2")
    {'relu1_1': 2.0, 'relu4_2': 1.0}
    """
    weights: dict[str, float] = {}
    for entry in filter(None, _SEPARATORS.split(text)):
        name, _, weight = entry.partition(":")
        if not _LAYER.fullmatch(name):
            raise ValueError(f"{name!r} names no layer; {_EXAMPLES}.")
        if name in weights:
            raise ValueError(f"The layer {name} is named twice.")
        weights[name] = _parse_weight(name, weight) if ":" in entry else 1.0
    if not weights:
        raise ValueError(f"No layer is named; {_EXAMPLES}.")
    return weights


def _parse_weight(name: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 1e-6 <= weight <= 1e6:  # which NaN does not either
        raise ValueError(f"The weight of {name} must be a number from 1e-6 to 1e6, not {text!r}.")
    return weight


def format_layer_weights(weights: Mapping[str, float]) -> str:
    """The text that `parse_layer_weights` reads.

    >>> format_layer_weights({"relu1_1": 2.0, "relu4_2": 1.0})
    'relu1_1:2,relu4_2:1'
    """
    return ",".join(f"{name}:{weight:g}" for name, weight in weights.items())
