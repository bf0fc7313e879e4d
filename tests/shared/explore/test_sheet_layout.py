"""Layouts of contact sheets, with texts in a font of square letters."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.explore.sheet_layout import (
    BoxRow,
    CaptionedBox,
    Figure,
    Rectangle,
    SheetContent,
    SheetLayout,
    SheetMetrics,
    TextStyle,
    lay_out,
    sheet_content,
)
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.settings import StyleSettings

METRICS = SheetMetrics(margin=16, gap=8, narrowest_column=100, narrowest_text=300)
LETTER_PX = 10


def measure(text: str, style: TextStyle) -> tuple[int, int]:
    del style
    lines = text.split("\n")
    return LETTER_PX * max(map(len, lines)), LETTER_PX * len(lines)


def content(
    *rows: BoxRow, originals: int = 1, figures: tuple[Figure, ...] = (), notes: tuple[str, ...] = ()
) -> SheetContent:
    photo = CaptionedBox("Photo", 120, 80)
    return SheetContent("Title", "Some words", [photo] * originals, rows, figures, notes)


def row(count: int, heading: str = "", width: int = 120, height: int = 80) -> BoxRow:
    return BoxRow(heading, [CaptionedBox("A caption", width, height)] * count)


def rectangles(layout: SheetLayout) -> list[Rectangle]:
    pictures = [*layout.originals, *(box for row in layout.rows for box in row)]
    return [*pictures, *layout.figures, *(text.rectangle for text in layout.texts)]


def overlap(first: Rectangle, second: Rectangle) -> bool:
    return (
        first.left < second.left + second.width
        and second.left < first.left + first.width
        and first.top < second.top + second.height
        and second.top < first.top + first.height
    )


boxes = st.builds(
    CaptionedBox, st.text("ab ", max_size=30), st.integers(1, 300), st.integers(1, 300)
)
rows = st.builds(BoxRow, st.text("ab ", max_size=60), st.lists(boxes, min_size=1, max_size=4))


@given(
    st.lists(rows, max_size=3),
    st.lists(boxes, min_size=1, max_size=2),
    st.lists(st.builds(Figure, st.just("Figure"), st.integers(1, 300)), max_size=2),
)
def test_nothing_overlaps_and_all_is_on_the_paper(
    some_rows: list[BoxRow], originals: list[CaptionedBox], figures: list[Figure]
) -> None:
    sheet = SheetContent("Title", "Some words", originals, some_rows, figures, ["A note"])

    layout = lay_out(sheet, METRICS, measure)

    for placed in rectangles(layout):
        assert METRICS.margin <= placed.left
        assert METRICS.margin <= placed.top
        assert placed.left + placed.width <= layout.width - METRICS.margin
        assert placed.top + placed.height <= layout.height - METRICS.margin
    assert not [pair for pair in combinations(rectangles(layout), 2) if overlap(*pair)]


def test_pictures_of_a_row_stand_side_by_side_at_their_size() -> None:
    (boxes,) = lay_out(content(row(3)), METRICS, measure).rows

    assert [(box.width, box.height) for box in boxes] == [(120, 80)] * 3
    assert [box.left for box in boxes] == [16, 16 + 128, 16 + 2 * 128]
    assert len({box.top for box in boxes}) == 1


def test_columns_line_up_across_rows() -> None:
    first, second = lay_out(content(row(2), row(3)), METRICS, measure).rows

    assert [box.left for box in first] == [box.left for box in second[:2]]


def test_small_pictures_leave_room_for_their_captions() -> None:
    (boxes,) = lay_out(content(row(2, width=20)), METRICS, measure).rows

    assert boxes[1].left - boxes[0].left == METRICS.narrowest_column + METRICS.gap


def test_originals_may_be_wider_than_all_rows() -> None:
    layout = lay_out(content(row(1), originals=4), METRICS, measure)

    assert layout.width == METRICS.margin * 2 + 4 * 120 + 3 * METRICS.gap


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a" * 30, ["a" * 30]),
        ("aaaa " * 7, ["aaaa aaaa aaaa aaaa aaaa aaaa", "aaaa"]),
        ("b " + "a" * 40 + " b", ["b", "a" * 40, "b"]),
    ],
    ids=["fits", "too long", "long word"],
)
def test_lines_break_between_words(text: str, lines: list[str]) -> None:
    layout = lay_out(content(notes=(text,)), METRICS, measure)

    assert layout.texts[-1].text.split("\n") == lines


def test_a_figure_is_as_wide_as_the_text_with_its_title_above() -> None:
    layout = lay_out(content(row(3), figures=(Figure("Losses", 90),)), METRICS, measure)

    (figure,), title = layout.figures, layout.texts[-1]
    assert (figure.width, figure.height) == (3 * 120 + 2 * METRICS.gap, 90)
    assert (title.text, title.style) == ("Losses", TextStyle.HEADING)
    assert figure.top > title.rectangle.top


def test_a_row_without_a_heading_has_no_empty_line() -> None:
    headings = [
        text.text
        for text in lay_out(content(row(1), row(1, "Below")), METRICS, measure).texts
        if text.style is TextStyle.HEADING
    ]

    assert headings == ["Below"]


def test_content_is_translated_and_has_the_photos_size() -> None:
    tiles = tuple(SheetTile(name, name, StyleSettings()) for name in ("first", "second"))
    sheet = ContactSheet("sheet", "a title", "words", (SheetRow("", tiles),))
    painted = PaintedSheet(sheet, {"second": 1}, {"first": "no weights"})
    photo = CaptionedBox("Photo", 40, 30)

    translated = sheet_content(painted, [photo], translate=str.upper)

    assert (translated.title, translated.introduction) == ("A TITLE", "WORDS")
    assert translated.rows == [BoxRow("", [CaptionedBox("SECOND", 40, 30)])]
    assert translated.originals == [photo]


def test_notes_say_why_pictures_are_left_out() -> None:
    sheet = ContactSheet("sheet", "Title", "Words", ())
    painted: PaintedSheet[int] = PaintedSheet(sheet, {}, {})

    some = sheet_content(painted, [CaptionedBox("Photo", 1, 1)], reasons=["There are no weights."])

    assert some.notes == ["Left out: There are no weights."]
