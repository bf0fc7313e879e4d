import pytest

from impasto_shared.text.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wave.jpg, 50 × 30, Höhe, 波", "wave.jpg, 50 × 30, Höhe, 波"),
        ("\x1b[2J\x1b]0;title\x07", "[2J]0;title"),
        ("\x9b31m", "31m"),
        ("one\ntwo\r\nthree\u2028four", "one two three four"),
        ("hidden\rseen\x08\x7f\0", "hidden seen"),
        ("\u202egpj.exe", "gpj.exe"),
        ("o\udce9.png", "o\udce9.png"),
    ],
)
def test_text_controls_no_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown
