import pytest
import torch

from daemon.style_transfer.networks.tiny_network import TINY_BLOCKS, random_rgb, tiny_convolutions
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.objective import build_objective
from impasto_daemon.style_transfer.networks.precision import number_type
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.planning.layouts import Stage, Tiling
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork
from impasto_shared.settings import Pooling, Precision, StyleLoss, StyleSettings

CPU = torch.device("cpu")
PHOTO = random_rgb(64, 48, seed=1, dtype=torch.float32)
PAINTING = random_rgb(48, 64, seed=2, dtype=torch.float32)
PICTURE = random_rgb(64, 48, seed=3, dtype=torch.float32)


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"avx2": True, "avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({}, torch.float32),
    ],
)
def test_16_bits_are_used_where_the_processor_has_them(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], dtype: torch.dtype
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: capabilities)

    assert number_type(Precision.AUTO, CPU) is dtype
    assert number_type(Precision.FLOAT32, CPU) is torch.float32
    assert number_type(Precision.BFLOAT16, CPU) is torch.bfloat16


def test_torch_that_cannot_tell_means_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("torch.cpu.get_capabilities")

    assert number_type(Precision.AUTO, CPU) is torch.float32


MASKS_KEPT = [Stage((block,), 16, keeps_masks=True) for block in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("style_loss", StyleLoss)
@pytest.mark.parametrize("tiling", [None, MASKS_KEPT])
def test_loss_and_gradient_in_16_bits_are_nearly_those_in_32(
    tiling: Tiling | None, style_loss: StyleLoss
) -> None:
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        network = VGG(
            tiny_convolutions(torch.float32), TINY_BLOCKS, pooling=Pooling.MAX, dtype=dtype
        )
        objective = build_objective(
            network if tiling is None else TiledNetwork(network, tiling),
            PHOTO,
            [Region([Painting(PAINTING)])],
            StyleSettings(style_loss=style_loss),
        )
        results.append(objective.loss_and_gradient(PICTURE))

    (loss, gradient), (loss_16, gradient_16) = results
    assert gradient_16.dtype == torch.float32
    assert loss_16.item() == pytest.approx(loss.item(), rel=0.02)
    similarity = torch.nn.functional.cosine_similarity
    assert similarity(gradient.flatten(), gradient_16.flatten(), dim=0) > 0.99
