"""The classification networks of torchvision: their names, their published weights, their parts.

Importing torchvision takes seconds, so every function here does it when it is called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from impasto_daemon.style_transfer.networks.vgg import (
    VGG11_BLOCKS,
    VGG13_BLOCKS,
    VGG16_BLOCKS,
    VGG19_BLOCKS,
    BatchNorm,
    Convolution,
    fold_batch_norm,
)
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import Model

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

_VGG_BLOCKS = {
    "vgg11": VGG11_BLOCKS,
    "vgg13": VGG13_BLOCKS,
    "vgg16": VGG16_BLOCKS,
    "vgg19": VGG19_BLOCKS,
}
# The file of the DenseNets is of a time when modules' names could have dots.
_DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)")


def published_weights(model: str) -> WeightsEnum:
    """What torchvision says of a model's weights: those that were published first.

    Raises:
        InvalidSettings: where it has no model of that name.
    """
    from torchvision import models

    if model not in (names := models.list_models(module=models)):
        listed = ", ".join(Model)
        near = ", ".join(get_close_matches(model, names, n=5, cutoff=0.5)) or ", ".join(names[:5])
        raise InvalidSettings(
            "model",
            f"There is no model {model!r}. There are {listed}, and the other classification "
            f"networks of torchvision, such as {near}.",
        )
    published: type[WeightsEnum] = models.get_model_weights(model)
    return published.__members__.get("IMAGENET1K_V1") or published.DEFAULT


def vgg_blocks(model: str) -> tuple[int, ...] | None:
    """How many convolutions each block has; None where the model is no VGG."""
    return _VGG_BLOCKS.get(model.removesuffix("_bn"))


def vgg_convolutions(state: Mapping[str, Tensor]) -> list[Convolution]:
    """The convolutions of a VGG in their order, batch norm a part of them; no classifier."""
    convolutions = []
    for place in sorted(
        int(name.split(".")[1])
        for name, tensor in state.items()
        if re.fullmatch(r"features\.\d+\.weight", name) and tensor.ndim == 4
    ):
        at, norm = f"features.{place}", f"features.{place + 1}"
        convolution = Convolution(state[f"{at}.weight"], state[f"{at}.bias"])
        if f"{norm}.running_mean" in state:
            convolution = fold_batch_norm(
                convolution,
                BatchNorm(
                    weight=state[f"{norm}.weight"],
                    bias=state[f"{norm}.bias"],
                    mean=state[f"{norm}.running_mean"],
                    variance=state[f"{norm}.running_var"],
                ),
            )
        convolutions.append(convolution)
    return convolutions


def build_model(model: str, state: dict[str, Tensor]) -> nn.Module:
    """Torchvision's model with the weights of its file; they are given the names of today.

    Raises RuntimeError where they are not its own.
    """
    from torchvision import models

    # Its builders fill it with random numbers first, which are none of the job's.
    with torch.random.fork_rng(devices=[]):
        made: nn.Module = models.get_model(model, weights=None)
    for name in list(state):  # in place: what it says of the modules' versions is needed, too
        state[_DENSE_LAYER.sub(r"\1\2", name)] = state.pop(name)
    made.load_state_dict(state)
    if isinstance(made, models.GoogLeNet | models.Inception3):  # trained with other colours
        made.transform_input = True
    return made
