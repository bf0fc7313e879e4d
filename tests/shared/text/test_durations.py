"""Durations in words."""

import pytest

from impasto_shared.text.durations import format_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (42.4, "42 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (3_569, "59 min"),
        (3_571, "1 h 0 min"),
        (7_500, "2 h 5 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_duration_has_the_unit_that_a_person_would_use(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [5, 300, 7_500])
def test_every_form_is_translated(seconds: float) -> None:
    german = {"{seconds} s": "{seconds} Sek.", "{minutes} min": "{minutes} Min."}
    german["{hours} h {minutes} min"] = "{hours} Std. {minutes} Min."

    assert format_duration(seconds, german.__getitem__).endswith(".")
