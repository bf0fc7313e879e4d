from typing import Any

import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_image
from impasto_daemon.style_transfer.images.regions import Region, reduced_mask, regions_of
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat
from impasto_shared.style import Style

WIDTH_PX, HEIGHT_PX = 8, 4
PAINTINGS = [random_image(5, 6, PixelFormat.RGB_U8, seed=seed) for seed in range(3)]


def mask(columns: range, value: int = 255) -> Image:
    """Returns an image that is white in these columns and black elsewhere."""
    row = bytes(value * (x in columns) for x in range(WIDTH_PX) for _ in "RGB")
    return Image(WIDTH_PX, HEIGHT_PX, PixelFormat.RGB_U8, row * HEIGHT_PX)


def read_regions(styles: list[Style], region_px: int = 100, painting_px: int = 100) -> list[Region]:
    return regions_of(styles, region_px=region_px, painting_px=painting_px)


LEFT, RIGHT = mask(range(4)), mask(range(4, 8))


def test_styles_without_a_region_are_blended_by_their_weights() -> None:
    (region,) = read_regions([Style(PAINTINGS[0], 3.0), Style(PAINTINGS[1])])

    assert region.mask is None
    assert [painting.share for painting in region.paintings] == [0.75, 0.25]


def test_styles_with_the_same_region_are_blended_there() -> None:
    equal = Image(LEFT.width, LEFT.height, LEFT.format, bytes(LEFT.pixels))

    regions = read_regions(
        [
            Style(PAINTINGS[0], region=LEFT),
            Style(PAINTINGS[1], region=RIGHT),
            Style(PAINTINGS[2], region=equal),
        ]
    )

    assert [len(region.paintings) for region in regions] == [2, 1]
    assert regions[0].mask is not None
    assert regions[0].mask[0, 0, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_a_style_without_a_region_gets_the_rest_of_the_photo() -> None:
    grey = mask(range(2, 6), value=102)

    regions = read_regions(
        [
            Style(PAINTINGS[0]),
            Style(PAINTINGS[1], region=mask(range(2))),
            Style(PAINTINGS[2], region=grey),
        ]
    )

    rest = next(
        region
        for region in regions
        if torch.equal(
            region.paintings[0].rgb, read_regions([Style(PAINTINGS[0])])[0].paintings[0].rgb
        )
    )
    assert rest.mask is not None
    assert rest.mask[0, 0, 0].tolist() == pytest.approx([0, 0, 0.6, 0.6, 0.6, 0.6, 1, 1])


def test_transparent_pixels_are_black() -> None:
    pixels = bytes([255, 255, 255, 255] * 4 + [255, 255, 255, 0] * 4) * HEIGHT_PX
    region = Image(WIDTH_PX, HEIGHT_PX, PixelFormat.RGBA_U8, pixels)

    (result,) = read_regions([Style(PAINTINGS[0], region=region)])

    assert result.mask is not None
    assert result.mask[0, 0, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("empty", "message"),
    [("region", "region of a style is empty"), ("part", "part of a painting is all black")],
)
def test_an_empty_mask_is_rejected(empty: str, message: str) -> None:
    painting = random_image(WIDTH_PX, HEIGHT_PX, PixelFormat.RGB_U8, seed=4)
    masks: dict[str, Any] = {empty: mask(range(0))}

    with pytest.raises(InvalidImage, match=message):
        read_regions([Style(painting, **masks)])


def test_a_style_without_any_rest_of_the_photo_is_rejected() -> None:
    styles = [
        Style(PAINTINGS[0]),
        Style(PAINTINGS[1], region=LEFT),
        Style(PAINTINGS[2], region=RIGHT),
    ]

    with pytest.raises(InvalidImage, match="leave nothing"):
        read_regions(styles)


def test_a_mask_is_reduced_by_averaging_areas() -> None:
    (region,) = read_regions([Style(PAINTINGS[0], region=mask(range(3)))])

    assert region.mask is not None
    assert reduced_mask(region.mask, 2, 4)[0, 0].tolist() == [[1, 0.5, 0, 0]] * 2


def test_masks_and_paintings_are_reduced_to_the_sizes_in_use() -> None:
    painting = random_image(WIDTH_PX, HEIGHT_PX, PixelFormat.RGB_U8, seed=5)

    (region,) = read_regions([Style(painting, region=LEFT, part=RIGHT)], region_px=4, painting_px=6)

    assert region.mask is not None
    assert region.mask[0, 0].tolist() == [[1, 1, 0, 0]] * 2
    (reduced,) = region.paintings
    assert reduced.part is not None
    assert reduced.rgb.shape[2:] == reduced.part.shape[2:] == (3, 6)
