"""The choices in the dialog, by keys: paintings, presets, and the regions of each painting."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from gimp.dialog_steps import (
    DIALOG,
    IMAGE_WINDOW,
    REMEMBERED,
    SAVED,
    SUGGESTION,
    UNTOUCHED,
    cancel_dialog,
    choose_painting,
    choose_style,
    key_of,
    open_dialog,
    paint,
    set_seed,
    undo_new_layer,
    wait_for_new_layer,
)
from gimp.gimps import Home
from gimp.screen import Screen
from gimp.scripted_daemon import Behaviour
from impasto_gimp.arguments.procedure_arguments import PRESET_MARKED, REGION_LABEL, STYLE_LABEL

pytestmark = pytest.mark.gimp

# In the picture of the suggestion.
MIDDLE_REGION_PX = (212, 240)


def take_painting_away(screen: Screen) -> None:
    """Presses the button next to the file."""
    screen.wait_for_rest()
    screen.press(key_of(STYLE_LABEL), "Tab", "space")
    screen.wait_for_rest()


def leave_one_style(screen: Screen) -> None:
    """Takes the second painting away, so that the next dialog begins with the first alone."""
    open_dialog(screen)
    screen.press("alt+2")
    take_painting_away(screen)
    cancel_dialog(screen)


def choose_region(screen: Screen, picture: str | None = None) -> None:
    """Chooses the first region of the list, and takes a screenshot of the list."""
    screen.press(key_of(REGION_LABEL), "space")
    screen.wait_for_rest()
    if picture:
        screen.photograph(picture)
    screen.press("Down", "Return")
    screen.wait_for_rest()


def test_dialog_without_a_painting_cannot_be_accepted(home: Home, screen: Screen) -> None:
    open_dialog(screen)
    take_painting_away(screen)
    assert_ok_is_disabled(screen)
    screen.photograph("style-missing")
    choose_style(screen, home.folder / "poppies.jpg")
    take_painting_away(screen)
    assert_ok_is_disabled(screen)
    screen.photograph("style-taken-away")
    cancel_dialog(screen)

    assert screen.ask(SAVED) == UNTOUCHED


def test_painting_is_chosen_from_the_gallery(home: Home, screen: Screen) -> None:
    own = home.folder / ".local/share/impasto/styles"
    own.mkdir(parents=True, exist_ok=True)
    shutil.copy(home.folder / "poppies.jpg", own / "zinnias.jpg")
    open_dialog(screen)
    choose_painting(screen, "End")
    screen.photograph("gallery")
    set_seed(screen, Behaviour.INVERT)
    paint(screen)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    undo_new_layer(screen)

    assert name == "zinnias – Background"


def test_return_on_a_painting_accepts_it_and_the_space_bar_does_not(screen: Screen) -> None:
    open_dialog(screen)
    set_seed(screen, Behaviour.INVERT)
    choose_painting(screen, "Home", "Right", "space")
    screen.wait_for_rest()
    assert screen.windows(DIALOG)
    screen.press("Return")
    wait_for_new_layer(screen)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    undo_new_layer(screen)

    assert name == "composition_viii – Background"


def test_choice_from_the_gallery_can_be_taken_back(screen: Screen) -> None:
    open_dialog(screen)
    choose_painting(screen, "Home", "ctrl+space")
    assert_ok_is_disabled(screen)
    cancel_dialog(screen)


def assert_ok_is_disabled(screen: Screen) -> None:
    screen.press("alt+o")
    screen.wait_for_rest()
    assert screen.windows(DIALOG)


def test_chosen_painting_is_marked_when_the_dialog_opens_again(screen: Screen) -> None:
    open_dialog(screen)
    choose_painting(screen, "Home", "Right")
    set_seed(screen, Behaviour.INVERT)
    paint(screen)
    undo_new_layer(screen)
    open_dialog(screen)
    choose_painting(screen)
    screen.photograph("marked-again")
    screen.press("ctrl+space")
    assert_ok_is_disabled(screen)
    cancel_dialog(screen)


def test_file_that_is_dropped_joins_the_gallery(home: Home, screen: Screen) -> None:
    dropped = shutil.copy(home.folder / "poppies.jpg", home.folder / "dropped flowers.jpg")
    own = home.folder / ".local/share/impasto/styles/dropped flowers.jpg"
    open_dialog(screen)
    screen.wait_for_rest()
    end_drag = screen.drag_file(Path(dropped), DIALOG)
    screen.wait_for(own.exists, "the copy in the gallery's folder")
    end_drag()
    screen.wait_for_rest()
    screen.photograph("dropped")
    set_seed(screen, Behaviour.INVERT)
    paint(screen)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    undo_new_layer(screen)
    own.unlink()

    assert "dropped flowers" in name


def test_favourite_comes_first_in_the_next_dialog(home: Home, screen: Screen) -> None:
    favourites = home.profile_file("impasto-favourites.json")
    open_dialog(screen)
    choose_painting(screen, "Home", "Right", "Right")
    screen.press("shift+Tab", "space")
    screen.wait_for(favourites.exists, "the favourites")  # which appear as a whole
    cancel_dialog(screen)
    open_dialog(screen)
    choose_painting(screen, "Right", "Home")
    screen.photograph("favourite")
    set_seed(screen, Behaviour.INVERT)
    paint(screen)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    undo_new_layer(screen)
    (favourite,) = json.loads(favourites.read_text())
    favourites.unlink()

    assert Path(favourite).name == "great_wave.jpg"
    assert "great_wave" in name


def open_presets(screen: Screen) -> None:
    screen.press(f"alt+{PRESET_MARKED.partition('_')[2][0].lower()}")
    screen.wait_for_rest()


def set_strength(screen: Screen, strength: str) -> None:
    screen.press(key_of("Style strength"), "ctrl+a")
    screen.type(f"{strength}\t")


def save_preset(screen: Screen, name: str) -> None:
    open_presets(screen)
    screen.photograph("presets")
    screen.press("Up", "Return")  # the last entry that is possible
    screen.wait_for_window("^Save as Preset$")
    screen.type(name)
    screen.photograph("preset-name")
    screen.press_until_gone("^Save as Preset$", "Return")
    screen.wait_for_window(DIALOG)


def names_of_presets(presets: Path) -> list[str]:
    """Returns the names in the file, which the plug-in writes when its question is closed."""
    stored = json.loads(presets.read_text()) if presets.exists() else []
    return [preset["name"] for preset in stored]


def test_preset_is_saved_and_chosen_again(home: Home, screen: Screen) -> None:
    presets = home.profile_file("impasto-presets.json")
    open_dialog(screen)
    choose_painting(screen, "Home")
    set_strength(screen, "3")
    save_preset(screen, "Wild")
    screen.wait_for(lambda: names_of_presets(presets) == ["Wild"], "the preset")
    (saved,) = json.loads(presets.read_text())
    set_strength(screen, "1")
    open_presets(screen)
    screen.press(*["Down"] * 5, "Return")  # after those of the plug-in, from the first
    screen.wait_for_rest()
    screen.photograph("preset-chosen")
    set_seed(screen, Behaviour.INVERT)
    paint(screen)
    (recipe,) = screen.ask(REMEMBERED)
    undo_new_layer(screen)
    presets.unlink()

    assert (saved["name"], saved["settings"]["style_strength"]) == ("Wild", 3.0)
    assert "auvers.jpg" in saved["paintings"][0]["file"]
    assert json.loads(recipe)["settings"]["style_strength"] == 3.0


def test_preset_is_renamed_and_deleted(home: Home, screen: Screen) -> None:
    presets = home.profile_file("impasto-presets.json")
    open_dialog(screen)
    set_strength(screen, "3")
    save_preset(screen, "Wild")
    screen.wait_for(lambda: names_of_presets(presets) == ["Wild"], "the preset")
    open_presets(screen)
    screen.press("Up", "Up", "Return")
    screen.wait_for_window("^Rename Preset$")
    screen.press("ctrl+a")
    screen.type("Wilder")
    screen.press_until_gone("^Rename Preset$", "Return")
    screen.wait_for(lambda: names_of_presets(presets) == ["Wilder"], "the other name")
    screen.wait_for_window(DIALOG)
    open_presets(screen)
    screen.press("Up", "Return")
    screen.wait_for(lambda: len(screen.windows(DIALOG)) == 2, "the question, of the same title")
    screen.wait_for_rest()
    screen.photograph("preset-deleted")
    screen.press("alt+d")
    screen.wait_for(lambda: not names_of_presets(presets), "the end of the preset")
    screen.wait_for_window(DIALOG)
    set_strength(screen, "1")
    cancel_dialog(screen)
    presets.unlink()


def test_two_styles_are_chosen_one_of_them_an_open_layer(screen: Screen) -> None:
    screen.ask("batch.open_painting()")
    open_dialog(screen)
    choose_painting(screen, "Home", "Right")
    screen.press("alt+2")
    choose_painting(screen, "End")
    set_seed(screen, Behaviour.INVERT)
    screen.photograph("two-styles")
    paint(screen)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    styles = screen.ask("batch.given_styles()")
    screen.ask("batch.close_painting()")
    undo_new_layer(screen)

    assert name == "composition_viii + Canvas – Background"
    assert [style["first_pixel"] for style in styles[1:]] == [[255, 0, 0]]


def test_selection_is_chosen_as_a_region(screen: Screen) -> None:
    screen.ask("batch.select_left_half()")
    open_dialog(screen)
    choose_painting(screen, "Home", "Right")
    choose_region(screen, "regions")
    set_seed(screen, Behaviour.INVERT)
    screen.photograph("selection-as-region", DIALOG)
    paint(screen)
    (style,) = screen.ask("batch.given_styles()")
    undo_new_layer(screen)
    screen.ask("batch.select_nothing()")

    width = 512
    assert style["region"][:width] == [255] * (width // 2) + [0] * (width // 2)


def test_suggested_regions_get_their_paintings_by_a_click(screen: Screen) -> None:
    forgotten = screen.ask("batch.forgotten()")
    open_dialog(screen)
    choose_painting(screen, "Home")  # a style without one has no region
    screen.press(key_of(REGION_LABEL), "Tab", "space")
    screen.wait_for_window(SUGGESTION)
    screen.wait_for(lambda: screen.ask("batch.forgotten()") != forgotten, "the regions")
    screen.wait_for_rest()
    screen.photograph("suggestion")
    screen.press("alt+p", "Home")
    screen.click_in(SUGGESTION, *MIDDLE_REGION_PX)
    screen.press("alt+p", "Home", "Right")
    screen.photograph("suggestion-filled")
    screen.press("alt+o")
    screen.wait_for(lambda: not screen.windows(SUGGESTION), "the end of the suggestion")
    screen.wait_for_window(DIALOG)
    screen.photograph("suggestion-taken", DIALOG)
    set_seed(screen, Behaviour.INVERT)
    paint(screen)
    given = screen.ask("batch.given_styles()")
    channels = screen.ask("batch.shown_channels()")
    undo_new_layer(screen, steps=2)  # the channels, too
    selected = screen.ask("batch.selected()")
    leave_one_style(screen)

    assert selected == ["Background"]
    assert len(given) == len(channels) == 2
    assert given[0]["first_pixel"] != given[1]["first_pixel"]
    width, third = 512, 170
    edge = 8  # between the columns the masks are soft, as they were enlarged
    for number, style in enumerate(given):
        row = style["region"][:width]
        assert set(row[number * third + edge : (number + 1) * third - edge]) == {255}
        assert set(row[(number + 1) * third + edge :]) == {0}


def test_sky_and_building_get_two_paintings_in_six_steps(screen: Screen) -> None:
    screen.ask("batch.select_left_half()")
    steps = (
        partial(open_dialog, screen),
        partial(choose_painting, screen, "Home"),
        partial(choose_region, screen),
        partial(screen.press, "alt+2"),
        partial(choose_painting, screen, "Home", "Right"),
        partial(paint, screen),
    )
    for step in steps:
        step()
    sky, building = screen.ask("batch.given_styles()")
    name = screen.ask("batch.shown_layers()[0].get_name()")
    has_mask = screen.ask("batch.shown_layers()[0].get_mask() is not None")
    undo_new_layer(screen)
    selected = screen.ask("batch.selected()")
    screen.ask("batch.select_nothing()")
    leave_one_style(screen)

    assert name == "auvers + composition_viii – Background"
    assert sky["region"][:512] == [255] * 256 + [0] * 256
    assert building["region"] is None
    assert not has_mask
    assert len(steps) <= 6
    # Otherwise the filters would be grey until a layer is clicked.
    assert selected == ["Background"]


def test_quick_mask_is_a_region(screen: Screen) -> None:
    screen.ask("batch.select_left_half()")
    screen.wait_for_window(IMAGE_WINDOW)
    screen.press("shift+q")
    screen.wait_for(lambda: screen.ask("len(batch._shown.get_channels())"), "the quick mask")
    open_dialog(screen)
    choose_painting(screen, "Home", "Right")
    choose_region(screen, "quick-mask")
    set_seed(screen, Behaviour.INVERT)
    screen.press("alt+o")
    screen.wait_for(lambda: screen.ask("len(batch.shown_layers())") == 2, "the new layer")
    (style,) = screen.ask("batch.given_styles()")
    screen.wait_for_window(IMAGE_WINDOW)
    screen.press("ctrl+z")
    screen.wait_for(lambda: screen.ask("len(batch.shown_layers())") == 1, "the end of the layer")
    screen.press("shift+q")
    screen.wait_for(lambda: not screen.ask("len(batch._shown.get_channels())"), "no quick mask")
    screen.ask("batch.select_nothing()")

    half = 512 // 2
    region = style["region"][: 2 * half]
    assert min(region[: half - 1]) > 250
    assert max(region[half + 1 :]) < 5
