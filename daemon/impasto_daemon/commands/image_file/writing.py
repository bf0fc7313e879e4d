"""Writing pictures: encoded in memory, and then written as a whole.

What a format cannot hold is found before the work, by encoding small pictures.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
from pathlib import Path

from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from impasto_daemon.commands.image_file.colour_profile import srgb_profile
from impasto_daemon.commands.image_file.notes import with_note
from impasto_daemon.commands.image_file.quiet_libraries import quiet_libraries
from impasto_daemon.commands.image_file.reading import FORMATS, OnNote, print_note, reason_of
from impasto_shared.errors import InvalidImage
from impasto_shared.files.atomic_write import FileNotDurable, write_atomically
from impasto_shared.image import Image

_QUALITY = 95
# What a file takes at most, for a pixel: more than any encoder needs.
_BYTES_PER_PIXEL = 5
_OPAQUE_FORMATS = ("JPEG", "MPO")
# A larger picture is tried with one side of this length, and the other as it is.
_TRIAL_PX = 16
_SMALL_PX = 256 * 256


def write_image(image: Image, path: Path | str, note: str | None = None) -> None:
    """Writes an image of 8 bits per channel, in the format that the file's extension names.

    The file is sRGB, and says so if its format can. An existing file is replaced in one step; a
    pipe is written to.

    note: is stored in the file, whose format must be one of `FORMATS_WITH_NOTES`; see `read_note`.

    Raises:
        InvalidImage: if the extension is unknown, or the file cannot be written: an existing file
            is then as it was. Also if it is written, but may not survive a loss of power.
    """
    write_file(Path(path), encode(image, path, note))


def encode(image: Image, path: Path | str, note: str | None = None) -> memoryview:
    """Returns the content of the file that `write_image` writes; it raises InvalidImage alike."""
    mode = "RGBA" if image.format.has_alpha else "RGB"
    picture = PillowImage.frombytes(mode, (image.width, image.height), image.pixels)
    try:
        return _encoded(picture, format_of(Path(path)), note).getbuffer()
    except Exception as error:  # encoders raise errors of any kind
        raise InvalidImage(f"{path} cannot be written: {reason_of(error)}.") from error


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Writes the content of a picture file as a whole; it raises InvalidImage as `write_image`."""
    try:
        if _is_stream(path):
            path.write_bytes(data)
        else:
            write_atomically(path, data)
    except FileNotDurable as error:
        raise InvalidImage(
            f"{path} is written, but the disk did not confirm it: {reason_of(error)}. Check it."
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidImage(f"{path} cannot be written: {reason_of(error)}.") from error


def check_room(path: Path, image: Image, free_bytes: int | None = None) -> None:
    """Raises InvalidImage if the disk has no room for a picture of that size.

    free_bytes: of the disk; None if it is to be asked.
    """
    folder = _folder_of(path)
    if free_bytes is None:
        free_bytes = shutil.disk_usage(folder).free
    if free_bytes < image.width * image.height * _BYTES_PER_PIXEL:
        raise InvalidImage(
            f"{path} cannot be written: only {free_bytes / 1e6:.0f} MB are free in {folder}. "
            "Make room, and run the same command again."
        )


def check_writable(path: Path) -> None:
    """Raises InvalidImage if no file can be written to `path`: before any work is done."""
    if format_of(path) not in PillowImage.SAVE:
        raise InvalidImage(f"{path}: the name must end in .png, .jpg, .tif or the like.")
    try:
        _check_target(path)
    except OSError as error:  # a name that is too long, links in a circle
        raise InvalidImage(f"{path} cannot be written: {reason_of(error)}.") from error
    _trials(path, (_TRIAL_PX, _TRIAL_PX), has_alpha=False)


def check_encodable(
    path: Path, width: int, height: int, *, has_alpha: bool, on_note: OnNote = print_note
) -> None:
    """Raises InvalidImage if the format of `path` cannot hold such a picture.

    on_note: told if transparency or colours will be lost.
    """
    trials = _trials(path, (width, height), has_alpha=has_alpha)
    if has_alpha and not all(trial.has_transparency_data for trial in trials):
        on_note(path, "will have no transparency, because its format has none")
    if any(trial.mode == "P" for trial in trials):
        on_note(path, "will have at most 256 colours, because its format has no more")


def _trials(path: Path, size: tuple[int, int], *, has_alpha: bool) -> list[PillowImage.Image]:
    """Returns empty pictures after being written in the format of `path`.

    One has the same size or, of a large size, one has its width and another its height.

    Raises:
        InvalidImage: if the format cannot hold such a picture.
    """
    width, height = size
    sizes = [(width, min(height, _TRIAL_PX)), (min(width, _TRIAL_PX), height)]
    if width * height <= _SMALL_PX:
        sizes = [size]
    try:
        with quiet_libraries():
            return [_tried(size, format_of(path), has_alpha=has_alpha) for size in sizes]
    except Exception as error:  # encoders raise errors of any kind
        with_alpha = " with transparency" if has_alpha else ""
        raise InvalidImage(
            f"{path}: a {path.suffix} file cannot hold a picture of {width} × {height} pixels"
            f"{with_alpha} ({reason_of(error)}). Choose a name that ends in .png."
        ) from error


def _tried(size: tuple[int, int], file_format: str | None, *, has_alpha: bool) -> PillowImage.Image:
    """Returns an empty picture as it is after being written and, if we can, read.

    Raises an error of any kind if the format cannot hold it.
    """
    picture = _encodable(PillowImage.new("RGBA" if has_alpha else "RGB", size), file_format)
    stream = _encoded(picture, file_format)
    if file_format not in FORMATS:
        return picture
    try:
        picture = PillowImage.open(stream, formats=(file_format,))
    except UnidentifiedImageError as error:
        raise ValueError("it could not be opened again") from error
    if picture.size != size:
        raise ValueError("the format has other sizes")
    return picture


def _check_target(path: Path) -> None:
    """Raises InvalidImage, or OSError, if no file of that name can be made or replaced."""
    folder = _folder_of(path)
    if not _is_stream(path):
        if not folder.is_dir():
            raise InvalidImage(f"{path}: the folder {folder} does not exist.")
        _check_replaceable(path, folder)
    elif not os.access(path, os.W_OK):
        raise InvalidImage(f"{path} cannot be written: permission denied. Choose another name.")


def _check_replaceable(path: Path, folder: Path) -> None:
    if path.is_dir():
        raise InvalidImage(f"{path} is a folder. Give the name of a file in it.")
    if path.exists() and not path.is_file():
        raise InvalidImage(f"{path} is a device or a socket. Give the name of a file.")
    if path.exists() and not os.access(path, os.W_OK):
        raise InvalidImage(f"{path} cannot be written: permission denied. Choose another name.")
    # The picture is written to a new file of the folder, which then takes the name.
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidImage(
            f"{path} cannot be written: permission denied in the folder {folder}. Choose another "
            "folder."
        )
    if path.exists() and not _may_replace(path, folder):
        raise InvalidImage(
            f"{path} belongs to another user, and only that user may replace files in {folder}. "
            "Choose another name."
        )


def _folder_of(path: Path) -> Path:
    """Returns the folder that a file is written to, which for a link is that of its target."""
    return Path(os.path.realpath(path)).parent


def _may_replace(path: Path, folder: Path) -> bool:
    """Returns whether a file of others may be replaced in a folder that all share, such as /tmp."""
    if not folder.stat().st_mode & stat.S_ISVTX:
        return True
    return os.getuid() in (0, path.stat().st_uid, folder.stat().st_uid)


def _is_stream(path: Path) -> bool:
    """Returns whether bytes that are written to `path` go to a pipe or a character device."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def format_of(path: Path) -> str | None:
    """Returns Pillow's name of the format that a file's extension names; None: unknown."""
    suffix = path.suffix.lower()
    PillowImage.preinit()  # the usual formats; to load all takes as long as a JPEG
    return PillowImage.EXTENSION.get(suffix) or PillowImage.registered_extensions().get(suffix)


def _encoded(
    picture: PillowImage.Image, file_format: str | None, note: str | None = None
) -> io.BytesIO:
    """Returns the file of a picture, without transparency if it is a JPEG."""
    stream = io.BytesIO()
    more = {} if note is None else {"exif": with_note(note)}
    _encodable(picture, file_format).save(
        stream, format=file_format, icc_profile=srgb_profile(), quality=_QUALITY, **more
    )
    return stream


def _encodable(picture: PillowImage.Image, file_format: str | None) -> PillowImage.Image:
    """Returns a picture without what its format would refuse: the transparency of a JPEG."""
    is_opaque = file_format in _OPAQUE_FORMATS and picture.mode != "RGB"
    return picture.convert("RGB") if is_opaque else picture
