import pytest
import torch

from impasto_daemon.style_transfer.networks.crops import Crop, Interval

LAYER = torch.arange(5 * 7).view(1, 1, 5, 7)
CROP = Crop(Interval(1, 3), Interval(2, 6), 5, 7)


def test_crop_cuts_its_rows_and_columns() -> None:
    assert torch.equal(CROP.cut(LAYER), LAYER[:, :, 1:3, 2:6])
    assert CROP.size == (2, 4)
    assert CROP.fraction == pytest.approx(8 / 35)


def test_crop_is_cut_from_a_larger_crop_too() -> None:
    larger = Crop(Interval(0, 4), Interval(1, 7), 5, 7)

    assert torch.equal(CROP.cut(larger.cut(LAYER), larger), CROP.cut(LAYER))


def test_cut_of_everything_is_the_tensor_itself() -> None:
    assert Crop.full(LAYER).cut(LAYER) is LAYER
    assert Crop.full(LAYER).fraction == 1


def test_next_row_and_column_end_at_the_border() -> None:
    assert CROP.with_next == Crop(Interval(1, 4), Interval(2, 7), 5, 7)
    assert Crop.full(LAYER).with_next == Crop.full(LAYER)


def test_interval_grows_within_the_layer() -> None:
    assert Interval(0, 3).grown(5) == (0, 4)
    assert Interval(3, 5).grown(5) == (2, 5)
