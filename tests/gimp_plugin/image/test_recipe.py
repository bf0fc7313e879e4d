import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto_gimp.image.recipe import Recipe, RememberedItem, RememberedStyle
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import ContentLoss, Quality, StyleSettings

RECIPE = Recipe(
    RememberedItem(7, "Foto"),
    (
        RememberedStyle("file:///home/m/Bilder/Große%20Welle.jpg", None, 1.0, None),
        RememberedStyle(None, RememberedItem(9, "Leinwand"), 2.5, RememberedItem(11, "Himmel")),
    ),
    StyleSettings(size=77, seed=3),
)

items = st.builds(RememberedItem, st.integers(0, 2**32 - 1), st.text())
styles = st.builds(
    RememberedStyle,
    st.none() | st.text(),
    st.none() | items,
    st.floats(0.01, 100),
    st.none() | items,
)


@given(
    items,
    st.lists(styles, max_size=4),
    st.builds(StyleSettings, size=st.integers(32, 4096), quality=st.sampled_from(Quality)),
    st.integers(0, 4096),
)
def test_recipe_is_what_it_was_when_it_was_kept(
    source: RememberedItem, chosen: list[RememberedStyle], settings: StyleSettings, painted_px: int
) -> None:
    recipe = Recipe(source, tuple(chosen), settings, painted_px=painted_px)

    assert Recipe.from_bytes(recipe.to_bytes()) == recipe


def test_recipe_from_before_paintings_were_kept_early_knows_no_size() -> None:
    content = json.loads(RECIPE.to_bytes())
    del content["painted_px"]

    assert Recipe.from_bytes(json.dumps(content).encode()) == RECIPE


def test_end_that_a_program_has_added_is_left_out() -> None:
    assert Recipe.from_bytes(RECIPE.to_bytes() + b"\0") == RECIPE


@pytest.mark.parametrize("model", ["auto", "vgg16-hed"])
def test_recipe_of_an_earlier_version_names_its_network_otherwise(model: str) -> None:
    stored = RECIPE.to_bytes().replace(b'"model": "vgg19"', f'"model": "{model}"'.encode())
    assert stored != RECIPE.to_bytes()

    assert Recipe.from_bytes(stored) == RECIPE


def test_recipe_from_before_the_content_loss_keeps_its_layers() -> None:
    layers: dict[str, Any] = {
        "content_layers": "relu4_2:1",
        "style_layers": "relu1_1:64,relu5_1:0.1",
    }
    content = json.loads(RECIPE.to_bytes())
    del content["settings"]["content_loss"]
    content["settings"] |= layers

    settings = Recipe.from_bytes(json.dumps(content).encode()).settings

    assert settings == replace(RECIPE.settings, **layers)
    assert settings.content_loss is ContentLoss.STYLE_SWAP


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"source": "x", "styles": [], "settings": {}}',
        b'{"source": {"tattoo": 7, "name": ""}, "styles": [7], "settings": {}}',
        RECIPE.to_bytes().replace(b'"seed"', b'"speed"'),
        RECIPE.to_bytes().replace(b'"size": 77', b'"size": 7'),
        RECIPE.to_bytes()[:-1],
    ],
)
def test_invalid_recipe_is_refused(data: bytes) -> None:
    with pytest.raises(
        InvalidSettings, match=r"cannot be read \(.*\)\. Choose Neural Style… instead"
    ):
        Recipe.from_bytes(data)
