"""Cuts out the places where similar programs fail: python benchmarks/defects.py.

The pieces show edges, flat areas and borders. They come from the pictures of quality `good` that
benchmarks/time_to_picture.py has written to build/benchmarks, and are laid side by side, three
times as large, as docs/pictures/defects.jpg.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

PIECE_PX, ENLARGED, COLUMNS = 110, 3, 3
GAP_PX = 6
PAINTED_PX = 512
# The picture, left and top of each piece, in pixels of the painted size.
PIECES = (
    ("astronaut_auvers", 215, 20),  # edges: hair, collar, face
    ("astronaut_auvers", 330, 30),  # flat areas: the wall next to the rocket
    ("summer_palace_great_wave", 0, 0),  # a corner: the borders
    ("summer_palace_great_wave", 300, 20),  # the sky: motifs that repeat
    ("summer_palace_great_wave", 90, 20),  # edges against the sky: the roof
    ("astronaut_auvers", 60, 250),  # a single colour: the suit
)


def main() -> None:
    """Writes the sheet."""
    side = PIECE_PX * ENLARGED
    rows = -(-len(PIECES) // COLUMNS)
    sheet_size = (COLUMNS * (side + GAP_PX) - GAP_PX, rows * (side + GAP_PX) - GAP_PX)
    sheet = Image.new("RGB", sheet_size, "white")
    for number, (name, left, top) in enumerate(PIECES):
        with Image.open(Path("build/benchmarks") / f"{name}_good.png") as picture:
            size = (PAINTED_PX, round(picture.height * PAINTED_PX / picture.width))
            scaled = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        piece = scaled.crop((left, top, left + PIECE_PX, top + PIECE_PX))
        row, column = divmod(number, COLUMNS)
        corner = (column * (side + GAP_PX), row * (side + GAP_PX))
        sheet.paste(piece.resize((side, side), Image.Resampling.NEAREST), corner)
    sheet.save("docs/pictures/defects.jpg", quality=90)


if __name__ == "__main__":
    main()
