"""Layers with weights survive as text, and errors name the layer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto_shared.layer_weights import format_layer_weights, parse_layer_weights

LAYERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
# Six significant digits, as in the notation.
WEIGHTS = st.floats(1e-3, 1e3).map(lambda weight: float(f"{weight:g}"))


@given(st.dictionaries(LAYERS, WEIGHTS, min_size=1))
def test_layer_weights_survive_as_text(weights: dict[str, float]) -> None:
    assert parse_layer_weights(format_layer_weights(weights)) == weights


@given(st.text(max_size=30))
def test_any_text_is_parsed_to_weights_in_range_or_refused(text: str) -> None:
    try:
        weights = parse_layer_weights(text)
    except ValueError:
        return
    assert weights
    assert all(1e-6 <= weight <= 1e6 for weight in weights.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" , ", "At least one layer is required"),
        ("1_1", "'1_1' is not the name of a layer; the names look like relu4_2"),
        ("relu1_1 relu1_1:2", "The layer relu1_1 is listed twice"),
        ("relu1_1:heavy", "The weight of relu1_1 must be a number between 1e-6 and 1e6"),
        ("relu1_1:0", "The weight of relu1_1 must be a number between 1e-6 and 1e6"),
    ],
)
def test_error_names_the_layer_and_the_remedy(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_layer_weights(text)
