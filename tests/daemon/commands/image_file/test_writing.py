"""Pictures are written as a whole, and what cannot be written is said before the work."""

import errno
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image as PillowImage

from impasto_daemon.commands.image_file import (
    check_encodable,
    check_room,
    check_writable,
    read_image,
    write_image,
    writing,
)
from impasto_shared.errors import InvalidImage
from impasto_shared.files.atomic_write import FileNotDurable, write_atomically
from impasto_shared.image import Image, PixelFormat

PICTURE = Image(30, 20, PixelFormat.RGB_U8, os.urandom(30 * 20 * 3))
TRANSPARENT = Image(3, 2, PixelFormat.RGBA_U8, os.urandom(3 * 2 * 4))
WITHOUT_SAVING = [".blp", ".bufr", ".emf", ".grib", ".h5", ".hdf", ".msp", ".palm", ".wmf", ".xbm"]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Lets this process write files of at most `size` bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_file_that_may_not_survive_a_loss_of_power_is_said_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: memoryview) -> None:
        write_atomically(path, data)
        raise FileNotDurable(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(writing, "write_atomically", refuse)

    with pytest.raises(InvalidImage, match="is written, but the disk did not confirm it: input"):
        write_image(PICTURE, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").exists()


@pytest.mark.parametrize(
    "ending", [".png", ".jpg", ".tif", ".bmp", ".ppm", ".webp", ".gif", ".avif", ".tga", ".jp2"]
)
def test_failed_write_leaves_the_old_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture{ending}"
    path.write_bytes(b"old")

    with file_limit(100), pytest.raises(InvalidImage, match="cannot be written: file too large"):
        write_image(PICTURE, path)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_picture_that_the_format_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "picture.eps"
    path.write_bytes(b"old")

    with pytest.raises(InvalidImage, match="cannot be written"):
        write_image(TRANSPARENT, path)

    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("ending", [".jpg", ".jpe", ".jfif", ".mpo"])
def test_alpha_is_left_out_of_every_kind_of_jpeg(tmp_path: Path, ending: str) -> None:
    write_image(TRANSPARENT, tmp_path / f"out{ending}")

    assert read_image(tmp_path / f"out{ending}").format is PixelFormat.RGB_U8


def test_same_picture_is_the_same_file(tmp_path: Path) -> None:
    write_image(PICTURE, tmp_path / "first.png")
    write_image(PICTURE, tmp_path / "second.png")

    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    target, link = tmp_path / "album/picture.png", tmp_path / "link.png"
    link.symlink_to(target)

    check_writable(link)
    write_image(PICTURE, link)

    assert link.is_symlink()
    assert bytes(read_image(target).pixels) == PICTURE.pixels


def test_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe.ppm", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()

    check_writable(pipe)
    write_image(PICTURE, pipe)
    reader.join()

    assert read[0].endswith(PICTURE.pixels)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("picture.docx", "the name must end in"),
        ("picture.psd", "the name must end in"),
        ("picture", "the name must end in"),
        ("absent/picture.png", "absent does not exist"),
        ("folder.png", "is a folder"),
        ("n" * 300 + ".png", "file name too long"),
        ("circle.png", "cannot be written"),
        ("astray.png", "absent/folder does not exist"),
        *((f"picture{ending}", "cannot hold a picture") for ending in WITHOUT_SAVING),
    ],
)
def test_path_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "circle.png").symlink_to("circle.png")
    (tmp_path / "astray.png").symlink_to("absent/folder/picture.png")

    with pytest.raises(InvalidImage, match=message):
        check_writable(tmp_path / name)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("locked", ["folder", "file"])
def test_missing_permission_is_reported_before_the_work(tmp_path: Path, locked: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    (path if locked == "file" else tmp_path).chmod(0o555)
    try:
        with pytest.raises(InvalidImage, match="permission denied"):
            check_writable(path)
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize(
    ("ending", "size", "has_alpha"),
    [
        (".webp", (16_384, 8), False),
        (".webp", (8, 16_384), False),
        (".jpg", (65_501, 8), False),
        (".ico", (300, 200), False),
        (".icns", (300, 200), False),
        (".eps", (20, 20), True),
        (".pcx", (20, 20), True),
        (".avif", (8, 65_520), False),
    ],
)
def test_format_that_cannot_hold_the_picture_is_refused_before_the_work(
    tmp_path: Path, ending: str, size: tuple[int, int], has_alpha: bool
) -> None:
    with pytest.raises(InvalidImage, match=r"cannot hold a picture of .*\.png\.$"):
        check_encodable(tmp_path / f"picture{ending}", *size, has_alpha=has_alpha)


@pytest.mark.parametrize(
    ("ending", "size", "has_alpha"),
    [
        (".webp", (16_383, 8), True),
        (".jpg", (65_500, 8), False),
        (".png", (65_535, 1500), True),
        (".ico", (64, 64), True),
        (".tif", (12_000, 8000), True),
    ],
)
def test_format_that_can_hold_the_picture_is_accepted_without_a_word(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    ending: str,
    size: tuple[int, int],
    has_alpha: bool,
) -> None:
    check_encodable(tmp_path / f"picture{ending}", *size, has_alpha=has_alpha)

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("ending", [".jpg", ".bmp", ".ppm", ".mpo"])
def test_loss_of_transparency_is_said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    check_encodable(tmp_path / f"picture{ending}", 20, 20, has_alpha=True)

    assert f"picture{ending} will have no transparency" in capsys.readouterr().err


def test_loss_of_colours_is_said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_encodable(tmp_path / "picture.gif", 20, 20, has_alpha=False)

    assert "picture.gif will have at most 256 colours" in capsys.readouterr().err


def test_room_is_needed_on_the_disk_of_a_links_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "link.png").symlink_to("full/picture.png")
    free_bytes = {tmp_path: 10**12, tmp_path / "full": 0}
    monkeypatch.setattr(
        "shutil.disk_usage", lambda folder: SimpleNamespace(free=free_bytes[Path(folder)])
    )

    check_room(tmp_path / "picture.png", PICTURE)
    with pytest.raises(InvalidImage, match=f"only 0 MB are free in {tmp_path}/full"):
        check_room(tmp_path / "link.png", PICTURE)


def test_every_ending_that_is_accepted_can_be_written(tmp_path: Path) -> None:
    PillowImage.init()
    for ending in PillowImage.registered_extensions():
        path = tmp_path / f"picture{ending}"
        for picture in (PICTURE, TRANSPARENT):
            try:
                check_writable(path)
                check_encodable(
                    path, picture.width, picture.height, has_alpha=picture.format.has_alpha
                )
            except InvalidImage:
                continue
            write_image(picture, path)
            assert path.stat().st_size > 0
