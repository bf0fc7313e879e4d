from itertools import product

import pytest
import torch

from daemon.style_transfer.networks.tiny_network import TINY_BLOCKS
from impasto_daemon.style_transfer.networks.crops import Crop, Interval
from impasto_daemon.style_transfer.networks.vgg_layers import VGGLayer, vgg_layers
from impasto_daemon.style_transfer.tiling.tiles import tiles_of

LAYERS = list(vgg_layers(TINY_BLOCKS))
SIZES = [(64, 64), (97, 63), (33, 111)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [None, 48, 20, 7])
def test_every_position_of_every_layer_belongs_to_one_tile(
    side: int | None, size: tuple[int, int]
) -> None:
    tiles = tiles_of(LAYERS, side, *size, has_output=True)

    for layer in LAYERS:
        counts = torch.zeros(size[0] // layer.stride, size[1] // layer.stride)
        for tile in tiles:
            tile.layers[layer].own.cut(counts).add_(1)
        assert (counts == 1).all()


@pytest.mark.parametrize("size", SIZES)
def test_crops_hold_each_other(size: tuple[int, int]) -> None:
    for tile, layer in product(tiles_of(LAYERS, 20, *size, has_output=False), LAYERS):
        crops = tile.layers[layer]
        for outer, inner in ((crops.computed, crops.needed), (crops.needed, crops.own)):
            for around, within in ((outer.rows, inner.rows), (outer.columns, inner.columns)):
                assert around.start <= within.start <= within.stop <= around.stop


def test_one_tile_is_the_whole_image() -> None:
    (tile,) = tiles_of(LAYERS, None, 64, 48, has_output=False)

    assert tile.input == tile.own == Crop(Interval(0, 64), Interval(0, 48), 64, 48)
    assert tile.output is None


def test_tile_reads_one_position_further_for_each_convolution() -> None:
    two_convolutions = [VGGLayer(1, 1), VGGLayer(1, 2)]

    tile = tiles_of(two_convolutions, 8, 32, 32, has_output=False)[5]

    assert (tile.own.rows, tile.own.columns) == (Interval(8, 16), Interval(8, 16))
    assert (tile.input.rows, tile.input.columns) == (Interval(6, 18), Interval(6, 18))
