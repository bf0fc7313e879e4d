import pytest

from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image, PixelFormat
from impasto_shared.segmentation import LARGEST_SEGMENTED_PX, check_segmentation, masks_of


def photo(width: int, height: int) -> Image:
    return Image(width, height, PixelFormat.RGB_U8, bytes(3 * width * height))


@pytest.mark.parametrize("regions", [-1, 1, 7])
def test_other_numbers_of_regions_are_refused(regions: int) -> None:
    with pytest.raises(InvalidSettings, match="2 to 6 regions"):
        check_segmentation(photo(4, 4), regions)


@pytest.mark.parametrize("regions", [0, 2, 6])
def test_usual_numbers_of_regions_are_accepted(regions: int) -> None:
    check_segmentation(photo(LARGEST_SEGMENTED_PX, 1), regions)


def test_photo_that_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidImage, match="Scale it down"):
        check_segmentation(photo(1, LARGEST_SEGMENTED_PX + 1), 0)


def test_masks_lie_one_below_the_other() -> None:
    stacked = Image(2, 6, PixelFormat.RGB_U8, bytes(12 * [1] + 12 * [2] + 12 * [3]))

    masks = masks_of(photo(2, 2), stacked)

    assert [(mask.width, mask.height) for mask in masks] == [(2, 2)] * 3
    assert [bytes(mask.pixels) for mask in masks] == [bytes(12 * [n]) for n in (1, 2, 3)]


@pytest.mark.parametrize(("width", "height"), [(3, 6), (2, 5), (2, 1)])
def test_masks_of_another_size_are_refused(width: int, height: int) -> None:
    with pytest.raises(InvalidImage, match="one below the other"):
        masks_of(photo(2, 2), photo(width, height))
