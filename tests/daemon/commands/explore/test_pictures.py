import io
from pathlib import Path

from PIL import Image as PillowImage

from daemon.commands.explore.painted_sheets import HEIGHT, RED, WIDTH, plain
from impasto_daemon.commands.explore.pictures import Originals, as_jpeg, flattened
from impasto_daemon.commands.image_file import write_image
from impasto_shared.image import Image, PixelFormat


def test_a_picture_is_never_enlarged_and_keeps_its_proportions() -> None:
    wide = flattened(plain(RED, 300, 100), 60)
    small = flattened(plain(RED, 30, 10), 60)

    assert (wide.width, wide.height) == (60, 20)
    assert (small.width, small.height) == (30, 10)


def test_transparent_pixels_become_white() -> None:
    clear = Image(2, 1, PixelFormat.RGBA_U8, bytes([10, 20, 30, 0, 10, 20, 30, 255]))

    assert flattened(clear).pixels == bytes([255, 255, 255, 10, 20, 30])


def test_a_jpeg_is_made_from_a_file_and_from_a_picture(tmp_path: Path) -> None:
    write_image(plain(RED), tmp_path / "red.png")

    for source in (tmp_path / "red.png", plain(RED)):
        with PillowImage.open(io.BytesIO(as_jpeg(source))) as picture:
            assert (picture.format, picture.size) == ("JPEG", (WIDTH, HEIGHT))


def test_a_painting_is_shown_no_larger_than_the_photo() -> None:
    originals = Originals(plain(RED, 40, 30), plain(RED, 200, 400)).captioned()

    sizes = {caption: (image.width, image.height) for caption, image in originals}
    assert sizes == {"The photo": (40, 30), "The painting": (20, 40)}


def test_without_a_painting_there_is_the_photo_alone() -> None:
    assert [caption for caption, _ in Originals(plain(RED), None).captioned()] == ["The photo"]
