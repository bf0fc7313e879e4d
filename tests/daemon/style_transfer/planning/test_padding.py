import pytest

from impasto_daemon.style_transfer.planning.padding import CIRCULAR_PADDING_PX, circular_padding_px
from impasto_shared.settings import StyleSettings


@pytest.mark.parametrize(("tileable", "expected"), [(True, 2 * CIRCULAR_PADDING_PX), (False, 0)])
def test_only_a_tileable_picture_is_padded(tileable: bool, expected: int) -> None:
    assert circular_padding_px(StyleSettings(tileable=tileable)) == expected
