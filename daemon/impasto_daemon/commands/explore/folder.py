"""The folder of an exploration, which keeps finished tiles for the next run.

A tile is the same picture if photo, painting, settings and version are the same. A note next to
each picture, in the folder `tiles`, records them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

from impasto_daemon.commands.explore.painted_tile import PaintedTile
from impasto_daemon.commands.explore.pictures import Originals
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_shared import __version__
from impasto_shared.errors import ImpastoError, InvalidImage
from impasto_shared.explore.contact_sheet import ContactSheet, SheetTile
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.image import Image
from impasto_shared.protocol.reports import CurvePoint

_TILES = "tiles"


class FolderUnusable(ImpastoError):
    """The sheets cannot be written to the folder."""


class Folder:
    """The sheets of `originals` in the folder `path`, which is made if it does not exist.

    Raises:
        FolderUnusable: if it cannot be made.
    """

    def __init__(self, path: Path, originals: Originals) -> None:
        self.path = path
        self.originals = originals
        self._photo = _digest(originals.photo)
        self._painting = _digest(originals.painting) if originals.painting is not None else ""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderUnusable(
                f"The folder {path} cannot be made: {error}. Choose another one with -o."
            ) from error
        notes = sorted(path.glob(f"{_TILES}/*/*.json"))
        # Tiles of several sheets may be the same picture.
        self._notes_by_key = {_read(note).get("key"): note for note in notes}
        self._intact: set[Path] = set()

    def find(self, sheet: ContactSheet, tile: SheetTile) -> PaintedTile | None:
        """Returns the picture of a tile if it has been painted, for this sheet or another one.

        Raises:
            FolderUnusable: if a picture of another sheet cannot be copied.
        """
        key, tile_note = self._key(tile), self._note(sheet, tile)
        for note in (tile_note, self._notes_by_key.get(key, tile_note)):
            painted = _painted_tile(note, key)
            if painted is None or not self._is_intact(_picture(note)):
                continue
            if note != tile_note:
                self._copy(note, tile_note)
            return PaintedTile(_picture(tile_note), painted.model, painted.curve)
        return None

    def find_sheet(self, sheet: ContactSheet) -> PaintedSheet[PaintedTile] | None:
        """Returns a sheet that an earlier run has finished, or None."""
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
        """Writes a newly painted picture and its note.

        Raises:
            InvalidImage, FolderUnusable: if it cannot be written.
        """
        key, note = self._key(tile), self._note(sheet, tile)
        self._remove_note(note)
        write_image(picture, _picture(note))
        self._intact.add(_picture(note))
        points = [astuple(point) for point in curve]
        settings = tile.settings.to_json()
        self._write_note(note, key=key, model=model, settings=settings, curve=points)
        self._notes_by_key[key] = note
        return PaintedTile(_picture(note), model, curve)

    def leave_out(self, sheet: ContactSheet, tile: SheetTile, reason: str) -> None:
        """Notes why a tile cannot be painted; raises FolderUnusable."""
        note = self._note(sheet, tile)
        self._remove_note(note)
        self._write_note(note, key=self._key(tile), left_out=reason)

    def write(self, name: str, content: bytes) -> Path:
        """Writes a file of the folder completely or not at all; raises FolderUnusable."""
        file = self.path / name
        try:
            write_atomically(file, content)
        except OSError as error:
            raise _unwritable(file, error) from error
        return file

    def _write_note(self, note: Path, **content: Any) -> None:
        self.write(str(note.relative_to(self.path)), json.dumps(content).encode())

    def _copy(self, source: Path, target: Path) -> None:
        """Copies a note and its picture."""
        self._remove_note(target)
        try:
            write_atomically(_picture(target), _picture(source).read_bytes())
            write_atomically(target, source.read_bytes())
        except OSError as error:
            raise _unwritable(target, error) from error

    def _is_intact(self, picture: Path) -> bool:
        """Returns whether a picture of an earlier run can be read; it is looked at once."""
        if picture not in self._intact:
            try:
                read_image(picture)
            except InvalidImage:
                return False
            self._intact.add(picture)
        return True

    def _remove_note(self, note: Path) -> None:
        """Removes a note before its picture changes: it must never describe another picture."""
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(note, error) from error

    def _note(self, sheet: ContactSheet, tile: SheetTile) -> Path:
        return self.path / _TILES / sheet.name / f"{tile.name}.json"

    def _key(self, tile: SheetTile) -> str:
        painting = self._painting if tile.needs_painting else ""
        identity = [__version__, self._photo, painting, tile.settings.to_json()]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _digest(image: Image) -> str:
    size = f"{image.width} {image.height} {image.format.value}\n"
    return hashlib.sha256(size.encode() + image.pixels).hexdigest()


def _picture(note: Path) -> Path:
    return note.with_suffix(".png")


def _read(note: Path) -> dict[str, Any]:
    """Returns the content of a note; an empty one if it is unreadable, so the tile is repainted."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _painted_tile(note: Path, key: str) -> PaintedTile | None:
    """Returns the picture that a note describes; None unless it is that of `key`."""
    content = _read(note)
    if content.get("key") != key:
        return None
    try:
        curve = tuple(CurvePoint(*point) for point in content["curve"])
        return PaintedTile(_picture(note), content["model"], curve)
    except (KeyError, TypeError):
        return None


def _unwritable(file: Path, error: OSError) -> FolderUnusable:
    return FolderUnusable(f"{file} cannot be written: {error}.")
