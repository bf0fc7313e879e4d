import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto_gimp.recipe import Recipe
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import Quality, StyleSettings

RECIPE = Recipe(
    7, "Foto", "file:///home/m/Bilder/Große%20Welle.jpg", StyleSettings(size=77, seed=3)
)


@given(
    st.integers(0, 2**32 - 1),
    st.text(),
    st.text(),
    st.builds(StyleSettings, size=st.integers(32, 4096), quality=st.sampled_from(Quality)),
)
def test_recipe_is_what_it_was_when_it_was_kept(
    source: int, name: str, style: str, settings: StyleSettings
) -> None:
    recipe = Recipe(source, name, style, settings)

    assert Recipe.from_bytes(recipe.to_bytes()) == recipe


def test_end_that_a_program_has_added_is_left_out() -> None:
    assert Recipe.from_bytes(RECIPE.to_bytes() + b"\0") == RECIPE


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"source": "x", "source_name": "", "style": "", "settings": {}}',
        RECIPE.to_bytes().replace(b'"seed"', b'"speed"'),
        RECIPE.to_bytes().replace(b'"size": 77', b'"size": 7'),
        RECIPE.to_bytes()[:-1],
    ],
)
def test_what_is_no_recipe_is_refused(kept: bytes) -> None:
    with pytest.raises(InvalidSettings, match=r"cannot be read: .*Choose Neural Style… instead"):
        Recipe.from_bytes(kept)
