import pytest

from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR, CostModel
from impasto_daemon.style_transfer.planning.layouts import LAYOUTS


@pytest.mark.parametrize("cost_model", [PROCESSOR, GPU])
def test_smaller_sides_follow_larger_ones(cost_model: CostModel) -> None:
    sides = [*cost_model.sides_px, *cost_model.small_sides_px]

    assert sides == sorted(set(sides), reverse=True)


@pytest.mark.parametrize("cost_model", [PROCESSOR, GPU])
def test_every_untiled_stage_has_a_share(cost_model: CostModel) -> None:
    with_masks = cost_model.tile_with_masks is not None
    first_blocks = {
        layout.first_untiled_block for layout in LAYOUTS if with_masks or not layout.keeps_masks
    }

    assert first_blocks - {None} <= cost_model.deep_shares.keys()


@pytest.mark.parametrize("cost_model", [PROCESSOR, GPU])
def test_deeper_blocks_need_a_smaller_share(cost_model: CostModel) -> None:
    shares = [share for _, share in sorted(cost_model.deep_shares.items())]

    assert shares == sorted(shares, reverse=True)
    assert all(0 < share < 1 for share in shares)
