import re
from dataclasses import asdict
from enum import StrEnum
from itertools import pairwise

import pytest

from impasto_shared.errors import InvalidSettings
from impasto_shared.explore.contact_sheet import ContactSheet, SheetTile
from impasto_shared.explore.experiments import SHEET_NAMES, all_sheets
from impasto_shared.settings import (
    ContentLoss,
    Mode,
    Model,
    Optimizer,
    Pooling,
    Start,
    StyleLoss,
    StyleSettings,
)


def sheet(name: str, *, is_quick: bool = True) -> ContactSheet:
    return next(sheet for sheet in all_sheets(is_quick=is_quick) if sheet.name == name)


def differing(tiles: tuple[SheetTile, ...]) -> set[str]:
    """Returns the names of the settings that differ between these tiles."""
    first = asdict(tiles[0].settings)
    return {
        name
        for tile in tiles
        for name, value in asdict(tile.settings).items()
        if value != first[name]
    }


@pytest.mark.parametrize("is_quick", [True, False])
def test_there_is_every_sheet_in_order(is_quick: bool) -> None:
    assert tuple(sheet.name for sheet in all_sheets(is_quick=is_quick)) == SHEET_NAMES


@pytest.mark.parametrize("name", SHEET_NAMES)
@pytest.mark.parametrize("is_quick", [True, False])
def test_names_of_tiles_are_file_names_and_their_own(name: str, is_quick: bool) -> None:
    names = [tile.name for tile in sheet(name, is_quick=is_quick).tiles]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_-]+", name) for name in names)


@pytest.mark.parametrize("name", SHEET_NAMES)
def test_no_two_tiles_of_a_sheet_are_the_same_picture(name: str) -> None:
    settings = [tile.settings for tile in sheet(name).tiles]

    assert len(set(settings)) == len(settings)


@pytest.mark.parametrize("name", SHEET_NAMES)
def test_the_size_is_that_of_every_tile(name: str) -> None:
    small = next(sheet for sheet in all_sheets(64) if sheet.name == name)

    assert {tile.settings.size for tile in small.tiles} == {64}


def test_a_size_that_is_not_possible_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="Size must lie between"):
        all_sheets(16)


def test_quick_is_less_work() -> None:
    def work(sheets: tuple[ContactSheet, ...]) -> int:
        settings = [tile.settings for sheet in sheets for tile in sheet.tiles]
        return sum(each.iterations * each.size**2 for each in settings)

    assert work(all_sheets(is_quick=True)) < work(all_sheets()) / 4


@pytest.mark.parametrize(
    ("name", "varied"),
    [
        ("content", {"content_layers", "iterations"}),
        ("style", {"style_layers", "iterations"}),
        ("matrix", {"style_layers", "style_strength"}),
        ("swap", {"content_layers"}),
        ("pooling", {"pooling"}),
        ("losses", {"style_loss"}),
        ("optimizers", {"optimizer"}),
    ],
)
def test_a_sheet_varies_only_its_subject(name: str, varied: set[str]) -> None:
    rows = sheet(name).rows
    groups = [sheet(name).tiles] if name == "matrix" else [row.tiles for row in rows]

    assert all(differing(tiles) == varied for tiles in groups)


def test_more_style_layers_have_more_evaluations() -> None:
    evaluations = [tile.settings.iterations for tile in sheet("style").tiles]

    assert evaluations == sorted(evaluations)
    assert evaluations[-1] > evaluations[0]


def test_shallow_layers_have_more_evaluations_to_match_pixels() -> None:
    evaluations = [tile.settings.iterations for tile in sheet("content").tiles]

    assert evaluations == sorted(evaluations, reverse=True)


@pytest.mark.parametrize("name", SHEET_NAMES)
def test_all_tiles_of_a_row_begin_with_the_same_picture(name: str) -> None:
    for row in sheet(name).rows:
        assert len({(tile.settings.start, tile.settings.seed) for tile in row.tiles}) == 1


@pytest.mark.parametrize("name", ["matrix", "optimizers"])
def test_the_paper_begins_with_noise(name: str) -> None:
    assert {tile.settings.start for tile in sheet(name).tiles} == {Start.NOISE}


@pytest.mark.parametrize(
    ("name", "setting", "choices"),
    [
        ("swap", "content_loss", ContentLoss),
        ("pooling", "pooling", Pooling),
        ("losses", "style_loss", StyleLoss),
        ("optimizers", "optimizer", Optimizer),
    ],
)
def test_every_choice_is_shown(name: str, setting: str, choices: type[StrEnum]) -> None:
    shown = {getattr(tile.settings, setting) for tile in sheet(name).tiles}

    assert shown == set(choices)


@pytest.mark.parametrize("name", sorted(set(SHEET_NAMES) - {"matrix", "swap"}))
def test_the_papers_reconstruct_the_photo(name: str) -> None:
    assert {tile.settings.content_loss for tile in sheet(name).tiles} == {
        ContentLoss.RECONSTRUCTION
    }


def test_strengths_have_the_usual_content_loss_and_lie_on_both_sides_of_1() -> None:
    tiles, usual = sheet("matrix").tiles, StyleSettings()
    strengths = [tile.settings.style_strength for tile in tiles]

    assert {tile.settings.content_loss for tile in tiles} == {usual.content_loss}
    assert {tile.settings.content_layers for tile in tiles} == {usual.content_layers}
    assert min(strengths) < 1 < max(strengths)


def test_content_losses_are_compared_as_they_are_used() -> None:
    usual = StyleSettings()

    for tile in sheet("swap").tiles:
        assert tile.settings.start is usual.start
        assert tile.settings.style_loss is usual.style_loss
        assert tile.settings.style_layers == usual.style_layers


def test_every_network_is_shown() -> None:
    shown = {tile.settings.model for tile in sheet("backbones").tiles}

    assert shown == set(Model)


def test_the_model_applies_to_all_sheets_except_backbones() -> None:
    models = {
        (sheet.name == "backbones", tile.settings.model)
        for sheet in all_sheets(model=Model.VGG16)
        for tile in sheet.tiles
    }

    assert {model for is_compared, model in models if not is_compared} == {Model.VGG16}


def test_the_style_row_grows_layer_by_layer() -> None:
    layers = [tile.settings.style_layers for tile in sheet("style").tiles]

    assert layers[0] == "relu1_1:1"
    assert layers[-1] == "relu1_1:1,relu2_1:1,relu3_1:1,relu4_1:1,relu5_1:1"
    assert all(more.startswith(less + ",") for less, more in pairwise(layers))


def test_without_a_painting_tiles_that_need_one_are_left_out() -> None:
    sheets = all_sheets(is_quick=True, has_painting=False)

    assert [sheet.name for sheet in sheets] == ["content", "pooling", "backbones"]
    assert all(tile.settings.mode is Mode.CONTENT for sheet in sheets for tile in sheet.tiles)
