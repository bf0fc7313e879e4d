"""The notation for weighted layers of the network: `relu1_1:2,relu2_1:1`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

# The papers' names for VGG's layers, and torchvision's paths of nodes in other networks.
_LAYER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_EXAMPLES = "the names look like relu4_2 or layer3.0.add"
_SEPARATORS = re.compile(r"[\s,]+")


def parse_layer_weights(text: str) -> dict[str, float]:
    """Returns the weight of each layer named in `text`, 1 by default; at least one layer.

    Layers are separated by commas or spaces. Whether they exist depends on the network and is not
    checked here. Raises ValueError, with a text for the user, for anything else.

    >>> parse_layer_weights("relu1_1:2 relu4_2")
    {'relu1_1': 2.0, 'relu4_2': 1.0}
    """
    weights: dict[str, float] = {}
    for entry in filter(None, _SEPARATORS.split(text)):
        name, _, weight = entry.partition(":")
        if not _LAYER.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a layer; {_EXAMPLES}.")
        if name in weights:
            raise ValueError(f"The layer {name} is listed twice.")
        weights[name] = _parse_weight(name, weight) if ":" in entry else 1.0
    if not weights:
        raise ValueError(f"At least one layer is required; {_EXAMPLES}.")
    return weights


def _parse_weight(name: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 1e-6 <= weight <= 1e6:  # false for NaN, too
        raise ValueError(
            f"The weight of {name} must be a number between 1e-6 and 1e6, not {text!r}."
        )
    return weight


def format_layer_weights(weights: Mapping[str, float]) -> str:
    """Returns the text that `parse_layer_weights` reads.

    >>> format_layer_weights({"relu1_1": 2.0, "relu4_2": 1.0})
    'relu1_1:2,relu4_2:1'
    """
    return ",".join(f"{name}:{weight:g}" for name, weight in weights.items())
