import pytest

from impasto_daemon.style_transfer.networks.vgg import VGG16_BLOCKS
from impasto_daemon.style_transfer.planning.layouts import (
    LAYOUTS,
    Stage,
    StageLayout,
    grid,
    masks_pay,
)
from impasto_shared.settings import StyleSettings


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_all_blocks(layout: StageLayout) -> None:
    blocks = [block for stage in layout.tiling(512) for block in stage.blocks]

    assert blocks == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_tiled_stages_keep_masks(layout: StageLayout) -> None:
    stages = layout.tiling(512)

    assert [stage.keeps_masks for stage in stages] == [
        layout.keeps_masks and stage.side is not None for stage in stages
    ]


def test_the_side_of_a_stage_is_relative_to_that_of_the_first() -> None:
    layout = StageLayout([((1,), 1), ((2,), 5 / 8), ((3, 4, 5), None)], 4, 96)

    assert [stage.side for stage in layout.tiling(512)] == [512, 320, None]
    assert layout.first_untiled_block == 3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_stage_has_larger_tiles_than_the_first(layout: StageLayout) -> None:
    first, *others = (side for _, side in layout.stages)

    assert first == 1
    assert all(0 < side < 1 for side in others if side is not None)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_overlap_is_the_receptive_field_of_the_first_stage(layout: StageLayout) -> None:
    blocks, _ = layout.stages[0]

    # A convolution sees one position more on each side, which are 2^(block - 1) pixels apart.
    fields = [VGG16_BLOCKS[block - 1] * 2 * 2 ** (block - 1) for block in blocks]
    assert layout.overlap_px == sum(fields)


def test_masks_are_kept_of_one_block() -> None:
    with pytest.raises(ValueError, match="of one block, not of"):
        Stage((1, 2), 64, keeps_masks=True)


@pytest.mark.parametrize(
    ("content_layers", "style_layers", "pay"),
    [
        ("relu4_2", "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1", True),
        ("relu3_1", "relu4_3", True),
        ("relu2_2", "relu1_1,relu5_1", False),
        ("relu4_2", "relu1_2,relu2_2,relu3_3,relu4_3", False),
    ],
)
def test_masks_do_not_pay_if_most_layers_are_recomputed(
    content_layers: str, style_layers: str, pay: bool
) -> None:
    settings = StyleSettings(content_layers=content_layers, style_layers=style_layers)

    assert masks_pay(settings) == pay


@pytest.mark.parametrize(
    ("height", "width", "side", "expected"),
    [
        (100, 100, 100, (1, 1)),
        (101, 100, 100, (2, 1)),
        (866, 1155, 512, (2, 2)),
        (2213, 4016, 1024, (3, 3)),
        (10, 4000, 200, (1, 1)),
        (10, 4001, 200, (1, 2)),
    ],
)
def test_tiles_are_few_and_nearly_square(
    height: int, width: int, side: int, expected: tuple[int, int]
) -> None:
    assert grid(height, width, side) == expected
