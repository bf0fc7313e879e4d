"""Where other programs of this kind fail, enlarged: python benchmarks/defects.py.

Cuts pieces from pictures of quality `good` that benchmarks/time_to_picture.py has written to
build/benchmarks, where edges, flat places and borders are, and lays them side by side, three times
as large, as docs/pictures/defects.jpg.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

PIECE_PX, ENLARGED, COLUMNS = 110, 3, 3
GAP_PX = 6
PAINTED_PX = 512
# Where each piece begins in its picture, at the size that it was painted at.
PIECES = (
    ("astronaut_auvers", 215, 20),  # edges: hair, collar, face
    ("astronaut_auvers", 330, 30),  # flat places: the wall beside the rocket
    ("summer_palace_great_wave", 0, 0),  # a corner: the borders
    ("summer_palace_great_wave", 300, 20),  # the sky: motifs that repeat
    ("summer_palace_great_wave", 90, 20),  # edges against the sky: the roof
    ("astronaut_auvers", 60, 250),  # one colour: the suit
)


def main() -> None:
    """Writes the sheet."""
    side = PIECE_PX * ENLARGED
    rows = -(-len(PIECES) // COLUMNS)
    whole = (COLUMNS * (side + GAP_PX) - GAP_PX, rows * (side + GAP_PX) - GAP_PX)
    sheet = Image.new("RGB", whole, "white")
    for number, (name, left, top) in enumerate(PIECES):
        with Image.open(Path("build/benchmarks") / f"{name}_good.png") as picture:
            size = (PAINTED_PX, round(picture.height * PAINTED_PX / picture.width))
            scaled = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        piece = scaled.crop((left, top, left + PIECE_PX, top + PIECE_PX))
        row, column = divmod(number, COLUMNS)
        place = (column * (side + GAP_PX), row * (side + GAP_PX))
        sheet.paste(piece.resize((side, side), Image.Resampling.NEAREST), place)
    sheet.save("docs/pictures/defects.jpg", quality=90)


if __name__ == "__main__":
    main()
