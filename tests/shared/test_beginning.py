"""The picture that a job begins from."""

import pytest

from impasto_shared.beginning import Beginning, beginning_of, check_beginning
from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image, PixelFormat, fitted_size


def blank(width: int, height: int) -> Image:
    return Image(width, height, PixelFormat.RGB_U8, bytes(3 * width * height))


@pytest.mark.parametrize("size", [0, -1, 16385])
def test_size_must_be_one_that_can_be_painted(size: int) -> None:
    with pytest.raises(InvalidSettings, match=f"between 1 and 16384; got {size}"):
        Beginning(blank(4, 4), size)


def test_mask_of_what_is_to_stay_has_the_size_of_the_picture() -> None:
    picture, mask = blank(4, 3), blank(4, 3)

    assert Beginning(picture, 32).images == (picture,)
    assert Beginning(picture, 32, mask).images == (picture, mask)
    with pytest.raises(InvalidImage, match="mask of what is to stay is 3 × 4 pixels"):
        Beginning(picture, 32, blank(3, 4))


def test_frame_that_was_painted_has_the_size_of_the_picture_and_of_the_next() -> None:
    picture, frame = blank(4, 3), blank(4, 3)
    beginning = Beginning(picture, 32, photo=frame)

    assert beginning.images == (picture, frame)
    check_beginning(beginning, blank(4, 3))
    with pytest.raises(InvalidImage, match="frame before is 4 × 3 pixels, but this one is 8 × 6"):
        check_beginning(beginning, blank(8, 6))
    with pytest.raises(InvalidImage, match="was painted from is 3 × 4 pixels"):
        Beginning(picture, 32, photo=blank(3, 4))
    with pytest.raises(InvalidImage, match="either a mask of what is to stay or the frame"):
        Beginning(picture, 32, blank(4, 3), frame)


@pytest.mark.parametrize("longest_px", [1, 7, 16, 100, 301])
@pytest.mark.parametrize(("width", "height"), [(301, 200), (200, 301), (300, 1), (64, 64)])
def test_reduced_photo_has_its_proportions(width: int, height: int, longest_px: int) -> None:
    reduced = blank(*fitted_size(width, height, longest_px))

    check_beginning(Beginning(reduced, 32), blank(width, height))


@pytest.mark.parametrize(("width", "height"), [(200, 300), (300, 190), (300, 300), (1, 2)])
def test_picture_of_other_proportions_is_refused(width: int, height: int) -> None:
    with pytest.raises(InvalidImage, match=f"is {width} × {height} pixels, but the photo is 300"):
        check_beginning(Beginning(blank(width, height), 32), blank(300, 200))


def test_frame_begins_with_the_one_before_unless_it_has_another_size() -> None:
    before, now, painted = blank(4, 3), blank(4, 3), blank(4, 3)

    assert beginning_of(before, now, painted, 32) == Beginning(painted, 32, photo=before)
    for frames in ((blank(3, 4), now, painted), (before, blank(3, 4), painted)):
        assert beginning_of(*frames, 32) is None
