import pytest
import torch

from daemon.style_transfer.networks.tiny_network import Burnt, Fuse, random_rgb, tiny_vgg
from daemon.style_transfer.reading import features
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import missing_layers, never
from impasto_daemon.style_transfer.networks.statistics import IMAGE, Measure, Statistic

RGB = random_rgb(32, 40, seed=1)


class Mean(Measure):
    def statistic(self, activation: torch.Tensor, crop: Crop) -> Statistic:
        return (crop.fraction * activation.mean(),)


def test_statistics_are_those_of_the_activations() -> None:
    network = tiny_vgg()
    measures = {"relu3_1": [Mean(), Mean()], IMAGE: [Mean()]}

    statistics = network.statistics(RGB, measures)

    assert list(statistics) == ["relu3_1", IMAGE]
    mean = features(network, RGB, ["relu3_1"])["relu3_1"].mean()
    assert statistics["relu3_1"] == [(mean,), (mean,)]
    assert statistics[IMAGE] == [(RGB.mean(),)]


def test_layer_that_the_network_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="no layer relu7_1"):
        tiny_vgg().statistics(RGB, {"relu7_1": [Mean()]})


def test_missing_layers_are_named_in_order() -> None:
    assert missing_layers(tiny_vgg(), ["relu9_1", "relu1_1", "relu4_9"]) == ["relu4_9", "relu9_1"]


def test_depth_grows_from_layer_to_layer() -> None:
    network = tiny_vgg()

    depths = [network.depth(layer) for layer in ("relu1_1", "relu2_1", "relu4_1", "relu4_2")]

    assert depths == sorted(set(depths))


def test_interrupt_lasts_as_long_as_its_context() -> None:
    network = tiny_vgg()

    with pytest.raises(Burnt), network.interrupted_by(Fuse(1)):
        network.statistics(RGB, {"relu1_1": [Mean()]})

    assert network.interrupt is never
    network.statistics(RGB, {"relu1_1": [Mean()]})
