import pytest

from impasto_gimp.image.turning import is_same, is_turned
from impasto_shared.image import Image, PixelFormat

WIDTH, HEIGHT = 6, 4
# Every pixel differs from all others.
ROWS = [[bytes([40 * x, 60 * y, 255 - 20 * x]) for x in range(WIDTH)] for y in range(HEIGHT)]


def picture(rows: list[list[bytes]]) -> Image:
    pixels = b"".join(pixel for row in rows for pixel in row)
    return Image(len(rows[0]), len(rows), PixelFormat.RGB_U8, pixels)


def turned_by_a_right_angle(rows: list[list[bytes]]) -> list[list[bytes]]:
    return [list(row) for row in zip(*rows[::-1], strict=True)]


@pytest.mark.parametrize(
    "after",
    [
        ROWS[::-1],
        [row[::-1] for row in ROWS],
        [row[::-1] for row in ROWS[::-1]],
        turned_by_a_right_angle(ROWS),
    ],
    ids=["mirrored-down", "mirrored-across", "upside-down", "on-its-side"],
)
def test_turned_picture_is_noticed(after: list[list[bytes]]) -> None:
    assert is_turned(picture(ROWS), picture(after))


@pytest.mark.parametrize("number", range(1, 4))
def test_turned_square_is_noticed(number: int) -> None:
    square = [row[:HEIGHT] for row in ROWS]
    after = square
    for _ in range(number):
        after = turned_by_a_right_angle(after)

    assert is_turned(picture(square), picture(after))


def test_picture_as_it_was_or_retouched_is_not_turned() -> None:
    retouched = [*ROWS[:2], [bytes(3)] * WIDTH, ROWS[3]]

    assert not is_turned(picture(ROWS), picture(ROWS))
    assert not is_turned(picture(ROWS), picture(retouched))


def test_picture_that_looks_the_same_when_turned_is_not_turned() -> None:
    even = [[b"\x07\x08\x09"] * WIDTH] * HEIGHT
    black = [[bytes(3)] * WIDTH] * HEIGHT

    assert not is_turned(picture(even), picture(even))
    assert not is_turned(picture(even), picture(black))


def test_alpha_does_not_count() -> None:
    pixels = b"".join(pixel + bytes([x]) for row in ROWS for x, pixel in enumerate(row))
    with_alpha = Image(WIDTH, HEIGHT, PixelFormat.RGBA_U8, pixels)

    assert not is_turned(picture(ROWS), with_alpha)
    assert is_turned(picture(ROWS[::-1]), with_alpha)


def test_same_picture_has_the_same_pixels() -> None:
    other = [*ROWS[:3], [bytes(3)] * WIDTH]

    assert is_same(picture(ROWS), picture([row[:] for row in ROWS]))
    assert not is_same(picture(ROWS), picture(other))
    assert not is_same(picture([[bytes(3)] * 2]), picture([[bytes(3)], [bytes(3)]]))
