import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.networks.pooling import pool
from impasto_daemon.style_transfer.networks.vgg_layers import VGGLayer
from impasto_daemon.style_transfer.tiling.tape import Tape
from impasto_shared.settings import Pooling

FIRST, SECOND, THIRD = (VGGLayer(4, number) for number in (1, 2, 3))
LAYERS = [FIRST, SECOND, THIRD]
ACTIVATION = (random_rgb(9, 13, seed=1) - 0.5).clamp_min(0)
GRADIENT = random_rgb(9, 13, seed=2)


def test_layers_of_which_nothing_is_saved_are_recomputed_once() -> None:
    tape = Tape(Pooling.MAX, masks=[THIRD])
    for layer in LAYERS:
        tape.save(layer, ACTIVATION)

    assert tape.recompute(LAYERS) == [FIRST, SECOND]

    for layer in (FIRST, SECOND):
        tape.save(layer, ACTIVATION)
        assert tape.activation(layer) is ACTIVATION
    assert tape.recompute(LAYERS) == []


@pytest.mark.parametrize("saves", ["activations", "masks"])
def test_relu_backward_is_the_same_from_activation_and_mask(saves: str) -> None:
    tape = Tape(Pooling.MAX, **{saves: [FIRST]})
    tape.save(FIRST, ACTIVATION)

    result = tape.relu_backward(FIRST, GRADIENT)

    assert torch.equal(result, GRADIENT * (ACTIVATION > 0))
    assert tape.recompute([FIRST]) == [FIRST], "the layer is forgotten, and its memory free"


@pytest.mark.parametrize("saves", ["activations", "masks"])
@pytest.mark.parametrize("pooling", Pooling)
def test_pool_backward_is_autograds(pooling: Pooling, saves: str) -> None:
    variable = ACTIVATION.clone().requires_grad_()
    pooled = pool(variable, pooling)
    gradient = torch.rand_like(pooled)
    tape = Tape(pooling, **{saves: [FIRST]})
    tape.save(FIRST, ACTIVATION)
    tape.save_output_pooling(FIRST, ACTIVATION)

    result = tape.pool_backward(FIRST, gradient)

    torch.testing.assert_close(result, torch.autograd.grad(pooled, variable, gradient)[0])
