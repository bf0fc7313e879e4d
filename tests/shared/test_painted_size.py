"""The size at which a picture is painted."""

import pytest

from impasto_shared.painted_size import painted_side_px
from impasto_shared.settings import Quality


@pytest.mark.parametrize("quality", [Quality.GOOD, Quality.BEST])
@pytest.mark.parametrize("size", [1, 512, 16384])
def test_picture_is_painted_at_its_size(size: int, quality: Quality) -> None:
    assert painted_side_px(size, quality) == size


@pytest.mark.parametrize(
    ("size", "painted"), [(1, 1), (200, 200), (256, 256), (300, 256), (512, 384), (6000, 4500)]
)
def test_draft_is_smaller_unless_it_is_small(size: int, painted: int) -> None:
    assert painted_side_px(size, Quality.DRAFT) == painted
