import pytest

from impasto_daemon.style_transfer.networks.vgg_layers import VGGLayer, vgg_layer, vgg_layers


@pytest.mark.parametrize("layer", list(vgg_layers((2, 2, 4, 4, 4))), ids=str)
def test_name_and_layer_are_each_others(layer: VGGLayer) -> None:
    assert vgg_layer(str(layer)) == layer


@pytest.mark.parametrize("name", ["layer3.0.add", "relu", "relu4", "relu4_", "conv4_1", "relu0_1"])
def test_layer_of_another_network_is_none_of_vgg(name: str) -> None:
    assert vgg_layer(name) is None


def test_resolution_halves_at_every_block() -> None:
    assert [VGGLayer(block, 1).stride for block in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 16]
    assert [layer.follows_pooling for layer in vgg_layers((2, 2))] == [False, False, True, False]
