import pytest

from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.settings import StyleSettings


@pytest.mark.parametrize(("size", "side_px"), [(512, 512), (4096, 640)])
def test_content_is_painted_at_most_at_its_own_size(size: int, side_px: int) -> None:
    assert Work(StyleSettings(size=size), 480, 640).side_px == side_px
