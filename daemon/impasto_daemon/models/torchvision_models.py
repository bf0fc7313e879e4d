"""The classification networks of torchvision: their names, published weights and layers.

Importing torchvision takes seconds, so the functions import it when they are called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from impasto_daemon.models.cache import torchvision_name
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
from impasto_shared.text.sentences import sentence

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

_VGG_BLOCKS = {
    "vgg11": VGG11_BLOCKS,
    "vgg13": VGG13_BLOCKS,
    "vgg16": VGG16_BLOCKS,
    "vgg19": VGG19_BLOCKS,
}
# The files of the DenseNets date from a time when modules' names could contain dots.
_DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)")


def published_weights(model: str) -> WeightsEnum:
    """Returns torchvision's entry for the weights of one of its models that were published first.

    Raises:
        InvalidSettings: if it has no model of that name.
    """
    from torchvision import models

    name = torchvision_name(model)
    if name not in (names := models.list_models(module=models)):
        listed = ", ".join(Model)
        near = ", ".join(get_close_matches(model, names, n=5, cutoff=0.5)) or ", ".join(names[:5])
        raise InvalidSettings(
            "model",
            sentence("no-model", model=repr(model), choices=listed, near=near),
        )
    published: type[WeightsEnum] = models.get_model_weights(name)
    return published.__members__.get("IMAGENET1K_V1") or published.DEFAULT


def vgg_blocks(model: str) -> tuple[int, ...] | None:
    """Returns the number of convolutions in each block; None if the model is no VGG."""
    return _VGG_BLOCKS.get(torchvision_name(model).removesuffix("_bn"))


def vgg_convolutions(state: Mapping[str, Tensor]) -> list[Convolution]:
    """Returns the convolutions of a VGG in order, with batch norm folded into them."""
    convolutions = []
    for index in sorted(
        int(key.split(".")[1])
        for key, tensor in state.items()
        if re.fullmatch(r"features\.\d+\.weight", key) and tensor.ndim == 4
    ):
        name, norm = f"features.{index}", f"features.{index + 1}"
        convolution = Convolution(state[f"{name}.weight"], state[f"{name}.bias"])
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
    """Returns torchvision's model with the weights of its file, under their current names.

    Raises RuntimeError if they belong to another model.
    """
    from torchvision import models

    # Its builders initialise it with random numbers, which must not affect the job's.
    with torch.random.fork_rng(devices=[]):
        network: nn.Module = models.get_model(torchvision_name(model), weights=None)
    for name in list(state):  # in place: the metadata on the modules' versions is needed, too
        state[_DENSE_LAYER.sub(r"\1\2", name)] = state.pop(name)
    network.load_state_dict(state)
    if isinstance(network, models.GoogLeNet | models.Inception3):  # trained on other colours
        network.transform_input = True
    return network
