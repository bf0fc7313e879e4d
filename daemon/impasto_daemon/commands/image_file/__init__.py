"""Image files, for the command line: read and written with Pillow, in sRGB."""

from impasto_daemon.commands.image_file.reading import read_file, read_image
from impasto_daemon.commands.image_file.writing import (
    check_encodable,
    check_room,
    check_writable,
    encode,
    write_file,
    write_image,
)

__all__ = [
    "check_encodable",
    "check_room",
    "check_writable",
    "encode",
    "read_file",
    "read_image",
    "write_file",
    "write_image",
]
