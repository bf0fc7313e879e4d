"""Image files, for the command line: read and written with Pillow, in sRGB."""

from impasto_daemon.commands.image_file.reading import read_image
from impasto_daemon.commands.image_file.writing import check_encodable, check_writable, write_image

__all__ = ["check_encodable", "check_writable", "read_image", "write_image"]
