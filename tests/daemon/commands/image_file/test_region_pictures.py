from PIL import Image as PillowImage

from impasto_daemon.commands.image_file.region_pictures import enlarged, overview, reduced
from impasto_shared.image import Image, PixelFormat


def filled(width: int, height: int, value: int) -> Image:
    return Image(width, height, PixelFormat.RGB_U8, bytes([value]) * 3 * width * height)


def halves(width: int, height: int) -> list[Image]:
    """Returns the masks of the left and the right half."""
    left = (bytes([255]) * 3 * (width // 2) + bytes(3 * (width // 2))) * height
    inverted = bytes(255 - value for value in left)
    return [Image(width, height, PixelFormat.RGB_U8, pixels) for pixels in (left, inverted)]


def pixel(image: Image, x: int, y: int) -> tuple[int, ...]:
    start = 3 * (y * image.width + x)
    return tuple(bytes(image.pixels[start : start + 3]))


def test_photo_is_reduced_only_if_it_is_too_large() -> None:
    small, large = filled(10, 4, 9), filled(100, 40, 9)

    assert reduced(small, 10) is small
    assert (reduced(large, 50).width, reduced(large, 50).height) == (50, 20)


def test_transparency_stays() -> None:
    photo = Image(20, 20, PixelFormat.RGBA_U8, bytes(4 * 400))

    assert reduced(photo, 10).format is PixelFormat.RGBA_U8


def test_mask_is_enlarged_to_the_size_of_the_photo() -> None:
    mask = enlarged(halves(10, 10)[0], 100, 100)

    assert pixel(mask, 10, 50) == (255,) * 3
    assert pixel(mask, 90, 50) == (0,) * 3


def test_overview_shows_each_region_in_another_colour_with_its_number() -> None:
    shown = overview(filled(400, 200, 128), halves(400, 200))

    left, right = pixel(shown, 2, 2), pixel(shown, 397, 2)
    assert left[0] > left[2]
    assert right[2] > right[0]
    picture = PillowImage.frombytes("RGB", (400, 200), shown.pixels)
    for box in ((60, 60, 140, 140), (260, 60, 340, 140)):
        assert (255, 255, 255) in {colour for _, colour in picture.crop(box).getcolors() or []}


def test_overview_of_a_photo_with_transparency_is_opaque() -> None:
    photo = Image(20, 20, PixelFormat.RGBA_U8, bytes(4 * 400))

    assert overview(photo, halves(20, 20)).format is PixelFormat.RGB_U8
