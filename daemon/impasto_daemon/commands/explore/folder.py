"""The folder of an exploration: tiles that are painted already are found there again.

A tile is the same picture where photo, painting, settings and version are the same. Beside each
picture, in the folder `tiles`, is a note of what it is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import astuple
from pathlib import Path
from typing import Any

from impasto_daemon.commands.explore.painted_tile import PaintedSheet, PaintedTile
from impasto_daemon.commands.image_file import write_image
from impasto_shared import __version__
from impasto_shared.errors import ImpastoError
from impasto_shared.explore.contact_sheet import ContactSheet, SheetTile
from impasto_shared.image import Image
from impasto_shared.reports import CurvePoint

_TILES = "tiles"


class FolderUnusable(ImpastoError):
    """The sheets cannot be written where they should be."""


class Folder:
    """The sheets of one photo, and one painting or none, in the folder `path`.

    Raises:
        FolderUnusable: where it cannot be made.
    """

    def __init__(self, path: Path, photo: Image, painting: Image | None) -> None:
        self.path = path
        self._photo = _digest(photo)
        self._painting = _digest(painting) if painting is not None else ""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderUnusable(
                f"The folder {path} cannot be made: {error}. Name another one with -o."
            ) from error
        notes = sorted(path.glob(f"{_TILES}/*/*.json"))
        # Tiles of several sheets may be the same picture.
        self._known = {_read(note).get("key"): note for note in notes}

    def find(self, sheet: ContactSheet, tile: SheetTile) -> PaintedTile | None:
        """The tile's picture where it has been painted, for this sheet or for another one.

        Raises:
            FolderUnusable: where a picture of another sheet cannot be copied.
        """
        key, own = self._key(tile), self._note(sheet, tile)
        for note in (own, self._known.get(key, own)):
            painted = _painted(note, key)
            if painted is None:
                continue
            if note != own:
                self._copy(note, own)
            return PaintedTile(_picture(own), painted.model, painted.curve)
        return None

    def found(self, sheet: ContactSheet) -> PaintedSheet | None:
        """A sheet that was finished before; None where it was not."""
        tiles: dict[str, PaintedTile] = {}
        left_out: dict[str, str] = {}
        for tile in sheet.tiles:
            note = _read(self._note(sheet, tile))
            if (painted := self.find(sheet, tile)) is not None:
                tiles[tile.name] = painted
            elif note.get("key") == self._key(tile) and "left_out" in note:
                left_out[tile.name] = str(note["left_out"])
            else:
                return None
        return PaintedSheet(sheet, tiles, left_out)

    def keep(
        self,
        sheet: ContactSheet,
        tile: SheetTile,
        picture: Image,
        model: str,
        curve: tuple[CurvePoint, ...],
    ) -> PaintedTile:
        """Writes a picture that has been painted.

        Raises:
            InvalidImage, FolderUnusable: where it cannot be written.
        """
        key, note = self._key(tile), self._note(sheet, tile)
        self._make_way_for(note)
        write_image(picture, _picture(note))
        points = [astuple(point) for point in curve]
        settings = tile.settings.to_json()
        self._write_note(note, key=key, model=model, settings=settings, curve=points)
        self._known[key] = note
        return PaintedTile(_picture(note), model, curve)

    def leave_out(self, sheet: ContactSheet, tile: SheetTile, reason: str) -> None:
        """Notes why a tile cannot be painted; raises FolderUnusable."""
        note = self._note(sheet, tile)
        self._make_way_for(note)
        self._write_note(note, key=self._key(tile), left_out=reason)

    def write(self, name: str, content: bytes) -> Path:
        """Writes a file of the folder, whole or not at all; raises FolderUnusable."""
        file = self.path / name
        new = file.with_name(file.name + ".new")
        try:
            new.write_bytes(content)
            new.replace(file)
        except OSError as error:
            raise _unwritable(file, error) from error
        return file

    def _write_note(self, note: Path, **content: Any) -> None:
        self.write(str(note.relative_to(self.path)), json.dumps(content).encode())

    def _copy(self, note: Path, own: Path) -> None:
        self._make_way_for(own)
        try:
            shutil.copyfile(_picture(note), _picture(own))
            shutil.copyfile(note, own)
        except OSError as error:
            raise _unwritable(own, error) from error

    def _make_way_for(self, note: Path) -> None:
        """Removes an old note first: it must never stand beside another picture."""
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(note, error) from error

    def _note(self, sheet: ContactSheet, tile: SheetTile) -> Path:
        return self.path / _TILES / sheet.name / f"{tile.name}.json"

    def _key(self, tile: SheetTile) -> str:
        painting = self._painting if tile.needs_painting else ""
        described = [__version__, self._photo, painting, tile.settings.to_json()]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _digest(image: Image) -> str:
    size = f"{image.width} {image.height} {image.format.value}\n"
    return hashlib.sha256(size.encode() + image.pixels).hexdigest()


def _picture(note: Path) -> Path:
    return note.with_suffix(".png")


def _read(note: Path) -> dict[str, Any]:
    """What is noted; nothing where it cannot be read: then the tile is painted anew."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _painted(note: Path, key: str) -> PaintedTile | None:
    """The picture beside a note; None where there is none, or another one than that of `key`."""
    content = _read(note)
    if content.get("key") != key or not _picture(note).is_file():
        return None
    try:
        curve = tuple(CurvePoint(*point) for point in content["curve"])
        return PaintedTile(_picture(note), content["model"], curve)
    except (KeyError, TypeError):
        return None


def _unwritable(file: Path, error: OSError) -> FolderUnusable:
    return FolderUnusable(f"{file} cannot be written: {error}.")
