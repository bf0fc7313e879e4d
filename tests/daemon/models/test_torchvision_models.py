import re
from collections import OrderedDict

import pytest
import torch
from torch import nn

from daemon.style_transfer.networks.tiny_network import random_rgb
from daemon.style_transfer.reading import features
from impasto_daemon.models import weights
from impasto_daemon.models.torchvision_models import (
    build_model,
    published_weights,
    vgg_blocks,
    vgg_convolutions,
)
from impasto_daemon.style_transfer.networks.vgg import VGG, VGG16_BLOCKS, VGG19_BLOCKS
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import Model, Pooling


def test_batch_norm_is_folded_into_the_convolutions() -> None:
    from torchvision.models.vgg import make_layers

    torch.manual_seed(2)
    # torchvision's own VGG-16, with few channels and random statistics.
    widths = (*(4, 4, "M", 5, 5, "M", 6, 6, 6, "M", 6, 6, 6, "M", 7, 7, 7, "M"),)
    layers = make_layers(list(widths), batch_norm=True).double().eval()
    for module in layers:
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias)
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.1, 3)
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "replicate"
    state = {f"features.{name}": values for name, values in layers.state_dict().items()}
    state["classifier.0.weight"] = torch.zeros(37, 41)
    rgb = random_rgb(37, 50, seed=5)

    network = VGG(vgg_convolutions(state), VGG16_BLOCKS, pooling=Pooling.MAX)

    activations = features(network, rgb, network.layers)
    activation, expected = network.normalised(rgb), []
    with torch.no_grad():
        for module in layers:
            activation = module(activation)
            if isinstance(module, nn.ReLU):
                expected.append(activation.clone())
    assert len(expected) == len(activations) == 13
    for layer, target in zip(network.layers, expected, strict=True):
        torch.testing.assert_close(activations[layer], target, rtol=1e-12, atol=1e-12)


def test_old_names_in_the_files_of_densenets_are_translated() -> None:
    from torchvision import models

    torch.manual_seed(8)
    state = models.densenet121(weights=None, num_classes=1000).state_dict()
    old_state = OrderedDict(
        (re.sub(r"(denselayer\d+\.\w+)(\d)\.", r"\1.\2.", name), values)
        for name, values in state.items()
    )
    assert "features.denseblock1.denselayer1.norm.1.weight" in old_state

    model = build_model("densenet121", old_state)

    loaded = model.state_dict()
    assert all(torch.equal(values, loaded[name]) for name, values in state.items())


@pytest.mark.parametrize(
    ("model", "blocks"), [("vgg16", VGG16_BLOCKS), ("vgg16_bn", VGG16_BLOCKS), ("resnet50", None)]
)
def test_only_vggs_have_blocks(model: str, blocks: tuple[int, ...] | None) -> None:
    assert vgg_blocks(model) == blocks


def test_weights_are_those_that_were_published_first() -> None:
    assert published_weights("resnet50").name == "IMAGENET1K_V1"


def test_sizes_of_the_models_to_choose_from_are_torchvisions() -> None:
    others = [model for model in Model if model is not Model.VGG19]

    sizes = {model: round(published_weights(model).meta["_file_size"]) for model in others}
    assert sizes == weights._SIZES_MB


def test_vgg19_of_torchvision_has_a_name_of_its_own() -> None:
    from torchvision import models

    published = models.VGG19_Weights.IMAGENET1K_V1

    assert published_weights("vgg19-torchvision") is published
    assert vgg_blocks("vgg19-torchvision") == VGG19_BLOCKS


def test_unknown_model_is_refused_with_similar_names() -> None:
    with pytest.raises(InvalidSettings, match=r"such as.* resnet50") as caught:
        published_weights("resnet55")

    assert caught.value.field == "model"
