"""A contact sheet: small pictures of one experiment, as data. Nothing here paints or draws."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_shared.settings import Mode, StyleSettings


@dataclass(frozen=True)
class SheetTile:
    """A picture of a contact sheet.

    name: unique within the sheet; lower-case letters, digits, `_` and `-`.
    caption: the text below the picture.
    settings: the settings that the picture is painted with.
    """

    name: str
    caption: str
    settings: StyleSettings

    @property
    def needs_painting(self) -> bool:
        """True if the picture shows anything of a painting."""
        return self.settings.mode is not Mode.CONTENT


@dataclass(frozen=True)
class SheetRow:
    """Tiles shown side by side, with a caption for all of them, which may be empty."""

    caption: str
    tiles: tuple[SheetTile, ...]


@dataclass(frozen=True)
class ContactSheet:
    """The pictures of one experiment. All of them have the size of the photo.

    name: unique among the sheets; lower-case letters.
    shows: a few sentences about what to look for.
    compares_losses: whether all tiles minimise the same loss, so that their values compare.
    """

    name: str
    title: str
    shows: str
    rows: tuple[SheetRow, ...]
    compares_losses: bool = False

    @property
    def tiles(self) -> tuple[SheetTile, ...]:
        """All tiles, row by row."""
        return tuple(tile for row in self.rows for tile in row.tiles)

    def row_of(self, tile: SheetTile) -> SheetRow:
        """Returns the row that a tile of this sheet is in."""
        return next(row for row in self.rows if tile in row.tiles)
