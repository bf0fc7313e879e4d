from dataclasses import replace

import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.images.regions import Painting, Region, reduced_mask
from impasto_daemon.style_transfer.images.tileable import mask_interior
from impasto_daemon.style_transfer.losses.areas import areas_of
from impasto_shared.settings import Mode, StyleSettings

PHOTO = random_rgb(40, 48, seed=1)
PAINTINGS = [Painting(random_rgb(32, 32, seed=2))]
OTHERS = [Painting(random_rgb(32, 32, seed=3))]
SETTINGS = StyleSettings()


def left(columns: int) -> Tensor:
    mask = torch.zeros(1, 1, 40, 48, dtype=torch.float64)
    mask[..., :columns] = 1
    return mask


def mask_of(region: Region) -> Tensor:
    assert region.mask is not None
    return region.mask


def test_style_without_a_region_has_the_whole_photo() -> None:
    (area,) = areas_of(PHOTO, [Region(PAINTINGS)], SETTINGS)

    assert (area.region.paintings, area.region.mask, area.share) == (PAINTINGS, None, 1)


def test_what_regions_leave_of_the_photo_stays_as_it_is() -> None:
    first, rest = areas_of(PHOTO, [Region(PAINTINGS, left(12))], SETTINGS)

    assert first.region.paintings == PAINTINGS
    assert torch.equal(mask_of(first.region), left(12))
    assert list(rest.region.paintings) == []
    assert torch.equal(mask_of(rest.region), 1 - left(12))
    assert (first.share, rest.share) == (0.25, 0.75)


@pytest.mark.parametrize("columns", [12, 48])
def test_regions_that_cover_the_photo_leave_nothing(columns: int) -> None:
    regions = [Region(PAINTINGS, left(columns)), Region(OTHERS, 1 - left(columns))]

    areas = areas_of(PHOTO, regions, SETTINGS)

    assert [area.region.paintings for area in areas] == [PAINTINGS, OTHERS]
    assert [area.share for area in areas] == [columns / 48, 1 - columns / 48]


def test_rounding_of_soft_masks_leaves_nothing() -> None:
    soft = random_rgb(200, 240, seed=4, dtype=torch.float32)[:, :1]
    masks = [reduced_mask(mask, 40, 48) for mask in (soft, 1 - soft)]
    assert (masks[0] + masks[1] < 1).any()

    areas = areas_of(PHOTO, [Region(PAINTINGS, mask) for mask in masks], SETTINGS)

    assert len(areas) == 2


def test_soft_mask_shares_a_position_with_the_photo() -> None:
    soft = random_rgb(40, 48, seed=4)[:, :1]

    first, rest = areas_of(PHOTO, [Region(PAINTINGS, soft)], SETTINGS)

    torch.testing.assert_close(mask_of(rest.region), 1 - soft)
    assert first.share + rest.share == pytest.approx(1)


def test_overlapping_regions_take_nothing_from_the_rest() -> None:
    regions = [Region(PAINTINGS, left(24)), Region(OTHERS, left(12))]

    *_, rest = areas_of(PHOTO, regions, SETTINGS)

    assert torch.equal(mask_of(rest.region), 1 - left(24))
    assert rest.share == 0.5


@pytest.mark.parametrize(
    "settings", [replace(SETTINGS, style_strength=0), replace(SETTINGS, mode=Mode.CONTENT)]
)
def test_without_style_all_of_the_photo_stays(settings: StyleSettings) -> None:
    (area,) = areas_of(PHOTO, [Region(PAINTINGS, left(12))], settings)

    assert list(area.region.paintings) == []
    assert (area.region.mask, area.share) == (None, 1)


def test_photo_without_styles_stays() -> None:
    (area,) = areas_of(PHOTO, [], SETTINGS)

    assert (list(area.region.paintings), area.region.mask, area.share) == ([], None, 1)


def test_texture_has_no_photo_to_leave() -> None:
    (area,) = areas_of(PHOTO, [Region(PAINTINGS, left(12))], replace(SETTINGS, mode=Mode.TEXTURE))

    assert (area.region.paintings, area.share) == (PAINTINGS, 0.25)


def test_copies_around_a_tileable_image_do_not_count() -> None:
    settings = replace(SETTINGS, tileable=True)

    (everywhere,) = areas_of(PHOTO, [Region(PAINTINGS)], settings)
    first, rest = areas_of(PHOTO, [Region(PAINTINGS, left(12))], settings)

    ones = torch.ones(1, 1, 40, 48, dtype=torch.float64)
    assert torch.equal(mask_of(everywhere.region), mask_interior(ones))
    assert torch.equal(mask_of(first.region), mask_interior(left(12)))
    assert torch.equal(mask_of(rest.region), mask_interior(1 - left(12)))
    # Of the image, not of the image with its copies.
    assert (everywhere.share, first.share, rest.share) == (1, 0.25, 0.75)
