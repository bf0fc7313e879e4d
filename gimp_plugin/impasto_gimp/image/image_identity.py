"""The identity of an image, by which it is known after it was saved, closed and opened."""

from __future__ import annotations

from uuid import uuid4

from impasto_gimp.introspection import Gimp

_PARASITE = "impasto-image"


def id_of(image: Gimp.Image) -> str:
    """Returns the id of an image, which gets one if it has none; it is saved in XCF files.

    That is no change of the image: it does not have to be saved because of it.
    """
    if stored := image.get_parasite(_PARASITE):
        return bytes(stored.get_data()).rstrip(b"\0").decode(errors="replace")
    new = uuid4().hex
    image.attach_parasite(Gimp.Parasite.new(_PARASITE, Gimp.PARASITE_PERSISTENT, new.encode()))
    return new


def file_of(image: Gimp.Image) -> str:
    """Returns the URI of the file from which an image comes, or in which it is; "" if in none."""
    file = image.get_file() or image.get_imported_file()
    return (file.get_uri() or "") if file else ""
