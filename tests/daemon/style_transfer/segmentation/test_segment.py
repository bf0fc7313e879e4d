import pytest
import torch

from impasto_daemon.commands.image_file import read_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.pixels import fit, from_image, to_image
from impasto_daemon.style_transfer.networks.network import WholeImageNetwork
from impasto_daemon.style_transfer.segmentation.segment import segment
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Model, StyleSettings
from integration.daemon_process import ROOT


@pytest.fixture(scope="module")
def network() -> WholeImageNetwork:
    loaded = load_network(Model.VGG19, StyleSettings().pooling)
    assert isinstance(loaded, WholeImageNetwork)
    return loaded


def masks_of(photo: Image, stacked: Image) -> torch.Tensor:
    """Returns the masks in a result: (regions, height, width) in [0, 1]."""
    assert stacked.width == photo.width
    return from_image(stacked).rgb[0, 0].view(-1, photo.height, photo.width)


def two_textures() -> Image:
    """Returns fur on the left and leaves on the right, of the same brightness."""
    fur = from_image(read_image(ROOT / "assets/photos/chelsea.jpg")).rgb[..., 20:100, 180:290]
    leaves = from_image(read_image(ROOT / "assets/photos/summer_palace.jpg")).rgb
    leaves = leaves[..., 340:420, 440:550]
    return to_image(torch.cat((fur, leaves * fur.mean() / leaves.mean()), dim=3))


def test_two_textures_are_two_parts_with_the_edge_between_them(
    network: WholeImageNetwork,
) -> None:
    photo = two_textures()

    left, right = masks_of(photo, segment(network, photo, 2))
    if left[:, :110].mean() < 0.5:
        left, right = right, left

    assert left[:, :106].mean() > 0.97
    assert right[:, 114:].mean() > 0.97


def test_masks_are_white_in_sum_and_the_largest_is_the_first(network: WholeImageNetwork) -> None:
    photo = two_textures()

    masks = masks_of(photo, segment(network, photo, 4))

    assert len(masks) == 4
    assert (masks.sum(dim=0) - 1).abs().max() < 0.02
    shares = masks.mean(dim=(1, 2)).tolist()
    assert shares == sorted(shares, reverse=True)


def test_sky_and_palace_and_trees_are_the_parts_suggested(network: WholeImageNetwork) -> None:
    photo = to_image(fit(from_image(read_image(ROOT / "assets/photos/summer_palace.jpg")).rgb, 320))

    masks = masks_of(photo, segment(network, photo))

    assert len(masks) == 3
    places = {"sky": (15, 250), "palace": (95, 100), "trees": (200, 200)}
    regions = {name: int(masks[:, *place].argmax()) for name, place in places.items()}
    assert len(set(regions.values())) == 3
    assert all(masks[regions[name], *place] > 0.9 for name, place in places.items())


@pytest.mark.parametrize(("width", "height"), [(1, 1), (300, 2), (7, 90)])
def test_tiny_and_narrow_photos_have_parts(
    network: WholeImageNetwork, width: int, height: int
) -> None:
    photo = Image(width, height, PixelFormat.RGB_U8, bytes(range(3)) * width * height)

    masks = masks_of(photo, segment(network, photo, 2))

    assert (masks.sum(dim=0) - 1).abs().max() < 0.02


def test_colours_of_transparent_pixels_do_not_count(network: WholeImageNetwork) -> None:
    rgb = from_image(two_textures()).rgb
    alpha = torch.ones_like(rgb[:, :1])
    alpha[..., :40, :] = 0
    changed = rgb.clone()
    changed[..., :40, :] = 1

    assert (
        segment(network, to_image(rgb, alpha), 2).pixels
        == segment(network, to_image(changed, alpha), 2).pixels
    )


def test_work_ends_with_the_error_of_its_interruption(network: WholeImageNetwork) -> None:
    def interrupt() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        segment(network, two_textures(), 2, interrupt=interrupt)
