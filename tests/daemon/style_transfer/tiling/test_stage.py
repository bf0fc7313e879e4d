import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import TINY_BLOCKS, random_rgb, tiny_vgg
from impasto_daemon.style_transfer.losses.guides import GuidedMeasure
from impasto_daemon.style_transfer.losses.moments import moments
from impasto_daemon.style_transfer.networks.network import ConvolutionChain
from impasto_daemon.style_transfer.networks.statistics import Measure, StatisticSums
from impasto_daemon.style_transfer.networks.vgg_layers import VGGLayer, vgg_layers
from impasto_daemon.style_transfer.tiling.stage import StagePass

RGB = random_rgb(40, 52, seed=1)
LAYERS = [layer for layer in vgg_layers(TINY_BLOCKS) if layer.block <= 2]
MEASURES: dict[str, list[Measure]] = {"relu1_1": [GuidedMeasure(moments, None)]}


def stage(network: ConvolutionChain, side: int | None, *, masks: bool, last: bool) -> StagePass:
    return StagePass(network, LAYERS, MEASURES, side=side, keeps_masks=masks, is_last=last)


def passes(stage: StagePass, *, seed: int = 2) -> tuple[Tensor, Tensor | None, Tensor]:
    """Returns the mean, the output, and the gradient of a function of both."""
    sums = StatisticSums(MEASURES)
    with torch.no_grad():
        output = stage.forward(RGB, sums, saves=True)
        ((mean, second),) = sums.totals["relu1_1"]
        gradients = {"relu1_1": [(torch.ones_like(mean), torch.zeros_like(second))]}
        generator = torch.Generator().manual_seed(seed)
        grad_output = (
            None
            if output is None
            else torch.rand(output.shape, generator=generator, dtype=output.dtype)
        )
        gradient = stage.backward(gradients, grad_output)
    return mean, output, gradient


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("side", [7, 20])
def test_tiles_give_what_one_tile_gives(side: int, last: bool, masks: bool) -> None:
    in_tiles = passes(stage(tiny_vgg(), side, masks=masks, last=last))
    at_once = passes(stage(tiny_vgg(), None, masks=False, last=last))

    for actual, expected in zip(in_tiles, at_once, strict=True):
        assert (actual is None) == (expected is None)
        if actual is not None:
            torch.testing.assert_close(actual, expected)


def test_the_last_stage_has_no_output() -> None:
    _, output, _ = passes(stage(tiny_vgg(), 20, masks=False, last=True))

    assert output is None


def test_output_is_pooled_to_half_the_sides_of_its_last_layer() -> None:
    _, output, _ = passes(stage(tiny_vgg(), 20, masks=False, last=False))

    assert output is not None
    assert output.shape[2:] == (10, 13)


def test_backward_pass_needs_a_saved_forward_pass() -> None:
    done = stage(tiny_vgg(), 20, masks=False, last=True)
    passes(done)

    with pytest.raises(RuntimeError, match="saved nothing"):
        done.backward({}, None)


def test_stage_begins_at_the_image_or_at_a_later_block() -> None:
    later = [VGGLayer(2, 1)]
    activation = random_rgb(20, 26, seed=3).repeat(1, 2, 1, 1)[:, :4]
    measures: dict[str, list[Measure]] = {"relu2_1": [GuidedMeasure(moments, None)]}
    sums = StatisticSums(measures)

    with torch.no_grad():
        StagePass(tiny_vgg(), later, measures, side=9, keeps_masks=False, is_last=True).forward(
            activation, sums, saves=False
        )
        expected = tiny_vgg().convolution("relu2_1")(activation).mean(dim=(0, 2, 3))

    torch.testing.assert_close(sums.totals["relu2_1"][0][0], expected)
