"""A limit of what the colour profiles and texts of a PNG are inflated to, also of one in an icon.

Pillow inflates each of them, wherever it is in the file, and limits profiles one by one and damaged
texts not at all. So a hundred megabytes of them would take minutes.
"""

from __future__ import annotations

from PIL import PngImagePlugin

MAX_INFLATED_BYTES = 2**30
"""Of a PNG: they take a second or two. Usual is one profile of some kilobytes."""
_HIGHEST_RATIO = 1032  # of deflate (zlib's technical details)
# Colour profiles, and notes of other programs, may be larger than Pillow's one megabyte.
PngImagePlugin.MAX_TEXT_CHUNK = 64 * 2**20
PngImagePlugin.MAX_TEXT_MEMORY = 256 * 2**20


class _LimitedStream(PngImagePlugin.PngStream):
    """The chunks of a PNG; raises ValueError when it should inflate more than the limit."""

    _inflated_bytes = 0

    def chunk_iCCP(self, pos: int, length: int) -> bytes:  # noqa: N802 - Pillow's name
        """Reads a colour profile."""
        self._expect(length)
        return super().chunk_iCCP(pos, length)

    def chunk_zTXt(self, pos: int, length: int) -> bytes:  # noqa: N802 - Pillow's name
        """Reads a text that is compressed."""
        self._expect(length)
        return super().chunk_zTXt(pos, length)

    def chunk_iTXt(self, pos: int, length: int) -> bytes:  # noqa: N802 - Pillow's name
        """Reads a text that may be compressed."""
        self._expect(length)
        return super().chunk_iTXt(pos, length)

    def _expect(self, length: int) -> None:
        """Counts what a chunk may be inflated to, before it is."""
        self._inflated_bytes += min(length * _HIGHEST_RATIO, PngImagePlugin.MAX_TEXT_CHUNK)
        if self._inflated_bytes > MAX_INFLATED_BYTES:
            raise ValueError("it has far more colour profiles and texts than a picture needs")


def limit_pngs() -> None:
    """Sets the limit for every PNG that Pillow opens from now on."""
    PngImagePlugin.PngStream = _LimitedStream  # type: ignore[misc]
