import sys
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from impasto_daemon.style_transfer.images.optical_flow import (
    FlowMissing,
    brought_along,
    flow_between,
    moved,
)
from impasto_shared.beginning import Beginning
from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image, PixelFormat

HEIGHT, WIDTH = 96, 128
SHIFT = (3, -2)
FORMATS = [PixelFormat.RGB_U8, PixelFormat.RGBA_U8]


def texture(seed: int) -> NDArray[np.uint8]:
    """Returns soft blotches, larger than a frame."""
    coarse = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
    size = (WIDTH + 72, HEIGHT + 64)
    return np.asarray(PillowImage.fromarray(coarse).resize(size, PillowImage.Resampling.BICUBIC))


def window(picture: NDArray[np.uint8], x: int, y: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(picture[y : y + HEIGHT, x : x + WIDTH])


def image(rgb: NDArray[np.uint8], form: PixelFormat = PixelFormat.RGB_U8) -> Image:
    pixels = rgb if form is PixelFormat.RGB_U8 else np.dstack([rgb, np.full_like(rgb, 9)[..., :1]])
    return Image(WIDTH, HEIGHT, form, pixels.tobytes())


def pixels(picture: Image) -> NDArray[np.uint8]:
    return np.frombuffer(picture.pixels, np.uint8).reshape(HEIGHT, WIDTH, 3)


BEFORE = window(texture(1), 20, 20)
# The camera has moved: a pixel was SHIFT to the right and down of where it is now.
NOW = window(texture(1), 20 + SHIFT[0], 20 + SHIFT[1])
INNER = (slice(8, -8), slice(8, -8))


def test_flow_says_where_each_pixel_was() -> None:
    flow = flow_between(BEFORE, NOW)
    trust = flow.is_trusted

    assert np.abs(flow.backward[INNER] - SHIFT).max() < 0.03
    assert trust[INNER].mean() > 0.99
    # These columns have come into the frame.
    assert not trust[:, -SHIFT[0] :].any()
    assert flow.is_new[:, -SHIFT[0] :].all()


@pytest.mark.parametrize("form", FORMATS)
def test_paint_moves_with_the_frame(form: PixelFormat) -> None:
    painted = window(texture(2), 20, 20)

    warped, mask = moved(image(BEFORE, form), image(NOW, form), image(painted, form))

    expected = window(texture(2), 20 + SHIFT[0], 20 + SHIFT[1])
    difference = pixels(warped).astype(int) - expected
    assert np.abs(difference[INNER]).mean() < 4
    assert set(np.unique(pixels(mask))) == {0, 255}


def test_what_has_been_uncovered_is_not_trusted() -> None:
    subject = window(texture(3), 0, 0)[:40, :40]
    before, now = BEFORE.copy(), BEFORE.copy()
    before[30:70, 30:70] = subject
    now[30:70, 36:76] = subject

    trust = flow_between(before, now).is_trusted

    assert trust[34:66, 31:36].mean() < 0.2
    assert trust[4:24, 4:-4].mean() > 0.95
    assert trust[38:62, 44:70].mean() > 0.8


def test_what_is_new_has_the_paint_of_its_colour() -> None:
    # Red has been painted green, and blue yellow; red comes into the frame.
    before = np.full((HEIGHT, WIDTH, 3), (20, 20, 200), np.uint8)
    before[:, : WIDTH // 2] = (200, 20, 20)
    now = before.copy()
    now[:30, -30:] = (200, 20, 20)
    painted = np.where(before[..., :1] == 200, (0, 200, 0), (220, 220, 0)).astype(np.uint8)

    warped, mask = moved(image(before), image(now), image(painted))

    corner = (slice(4, 26), slice(-26, -4))
    assert not pixels(mask)[corner].any()
    assert np.abs(pixels(warped)[corner].astype(int) - (0, 200, 0)).max() <= 10


@pytest.mark.parametrize(
    ("form", "number_type", "white"),
    [(PixelFormat.RGB_U16, "<u2", 65_535), (PixelFormat.RGB_FLOAT, "<f4", 1.0)],
)
def test_depth_of_frames_does_not_matter(form: PixelFormat, number_type: str, white: float) -> None:
    def deep(rgb: NDArray[np.uint8]) -> Image:
        numbers = (rgb * (white / 255)).astype(number_type)
        return Image(WIDTH, HEIGHT, form, numbers.tobytes())

    painted = window(texture(2), 20, 20)
    expected, mask = moved(image(BEFORE), image(NOW), image(painted))
    warped, deep_mask = moved(deep(BEFORE), deep(NOW), deep(painted))

    assert np.abs(pixels(warped).astype(int) - pixels(expected)).max() <= 1
    assert bytes(deep_mask.pixels) == bytes(mask.pixels)


def test_painted_frame_is_brought_along_with_what_it_was_painted_from() -> None:
    painted = image(window(texture(2), 20, 20))

    moved_along = brought_along(Beginning(painted, 64, photo=image(BEFORE)), image(NOW))

    warped, mask = moved(image(BEFORE), image(NOW), painted)
    assert moved_along.trust is not None
    assert bytes(moved_along.image.pixels) == bytes(warped.pixels) != bytes(painted.pixels)
    assert bytes(moved_along.trust.pixels) == bytes(mask.pixels)
    assert (moved_along.size, moved_along.photo) == (64, None)


def test_other_beginnings_remain_and_need_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    beginning = Beginning(image(BEFORE), 64)

    assert brought_along(beginning, image(NOW)) is beginning
    with pytest.raises(FlowMissing, match="OpenCV is not installed where the daemon runs") as error:
        brought_along(Beginning(image(BEFORE), 64, photo=image(BEFORE)), image(NOW))
    assert error.value.code is ErrorCode.INVALID_SETTINGS


def stripes(moved_px: float) -> NDArray[np.uint8]:
    """Returns stripes of eight pixels, moved to the left."""
    row = 127.5 + 100 * np.sin((np.arange(WIDTH) + moved_px) / 1.2)
    return np.broadcast_to(np.rint(row).astype(np.uint8)[None, :, None], (HEIGHT, WIDTH, 3))


def test_paint_stays_sharp_from_frame_to_frame() -> None:
    """The camera moves by a quarter of a pixel, eight times."""
    size = 4 * (WIDTH + 72), 4 * (HEIGHT + 64)
    large = np.asarray(
        PillowImage.fromarray(texture(1)).resize(size, PillowImage.Resampling.BICUBIC)
    )
    frames = [
        image(np.ascontiguousarray(large[: 4 * HEIGHT : 4, number:][:, : 4 * WIDTH : 4]))
        for number in range(9)
    ]
    painted = stripes(0)
    for before, now in pairwise(frames):
        painted = pixels(moved(before, now, image(painted))[0])

    # By a cubic kernel, or where the flow is less exact, it would be above 15.
    assert np.std((painted - stripes(2).astype(float))[INNER]) < 8
