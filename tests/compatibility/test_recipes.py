"""Layers in files that earlier versions saved; each file is named by the version or the commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto_gimp.image.recipe import Recipe, RememberedItem, RememberedStyle
from impasto_shared.settings import Model, Quality, StyleLoss

RECIPES = sorted((Path(__file__).parent / "recipes").iterdir())
FILE = RememberedStyle("file:///home/m/Bilder/Gro%C3%9Fe%20Welle.jpg", None, 1.0, None)
LAYER = RememberedStyle(None, RememberedItem(9, "Leinwand"), 2.5, RememberedItem(11, "Himmel"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_of_an_earlier_version_is_read(path: Path) -> None:
    recipe = Recipe.from_bytes(path.read_bytes())

    assert recipe.source == RememberedItem(7, "Foto")
    assert recipe.styles == ((FILE,) if path.stem == "2156ba8" else (FILE, LAYER))
    assert recipe.place is None
    settings = recipe.settings
    assert (settings.size, settings.seed, settings.style_strength) == (77, 3, 0.5)
    assert (settings.quality, settings.style_loss) == (Quality.DRAFT, StyleLoss.GRAM)
    assert settings.model is Model.VGG19
    if path.stem in ("2156ba8", "e6f10b1", "ff52a81"):
        assert settings.content_layers == "relu4_2:1"
    assert Recipe.from_bytes(recipe.to_bytes()) == recipe


def test_each_kind_of_recipe_is_stored() -> None:
    stems = [path.stem for path in RECIPES]

    assert stems == ["0.1.0", "2156ba8", "e6f10b1", "ff52a81"]
