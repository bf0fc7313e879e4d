"""The plug-in on a screen, driven by keys. The pictures that the tests take are in test-output/."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from gimp.gimps import REPOSITORY, Home
from gimp.screen import Screen
from gimp.scripted_daemon import Behaviour
from impasto_gimp.arguments.explore_arguments import SHEET_LABEL, SHEET_LABELS
from impasto_gimp.arguments.procedure_arguments import (
    ADVANCED_LABEL,
    GALLERY_LABEL,
    LABELS,
    PRESET_MARKED,
    PREVIEW_LABEL,
    REGION_LABEL,
    RESULTS_LABEL,
    START_LABEL,
    STYLE_LABEL,
    VARIATIONS_LABEL,
)
from impasto_shared.settings import StyleSettings

pytestmark = pytest.mark.gimp

IMAGE_WINDOW = " GIMP$"
DIALOG = "^Neural Style$"
SUGGESTION = "^Neural Style: Suggested Regions$"
# In the picture of that dialog.
MIDDLE_REGION_PX = (212, 240)
VARIATIONS = "^Neural Style: Variations$"
PROGRESS_WINDOW = "^Neural Style: Background"
LARGER = "^Neural Style: Finish Larger$"
TEXTURE = "^Texture from Image$"
EXPLORE = "^Neural Style: Explore$"
EXPLORE_PROGRESS_WINDOW = "^Neural Style: Explore: "
FILE_DIALOG = "^Choose a Style Image$"
ERROR_BOX = "^GIMP Message$"
SAVED = "batch.shown_state()"
UNTOUCHED = [1, False]
REMEMBERED = (
    "[bytes(layer.get_parasite('impasto-neural-style').get_data()).decode()"
    " for layer in batch.shown_layers()[:-1]]"
)
# A quarter of the preview.
PREVIEW_PX = 16_000
# A laptop's 1024 × 768, less the title bar of the window and a panel of 30 pixels.
SMALL_SCREEN_PX = (1024, 714)
# The button Cancel next to GIMP's progress bar, which no key reaches.
CANCEL_PX = (990, 864)


@pytest.fixture(scope="module")
def screen(home: Home) -> Iterator[Screen]:
    """A GIMP with a photo in a window, saved as it is."""
    photo = shutil.copy(REPOSITORY / "assets/photos/astronaut.jpg", home.folder)
    shutil.copy(REPOSITORY / "assets/styles/poppies.jpg", home.folder)
    with Screen(home, REPOSITORY / "test-output/screens") as screen:
        screen.ask(f"batch.open_window({photo!r})")
        screen.wait_for_window(IMAGE_WINDOW)
        screen.enlarge(IMAGE_WINDOW)
        yield screen


@pytest.fixture
def paused(home: Home) -> Iterator[Path]:
    """The file that the daemon writes halfway through a job that it is told to pause."""
    folder = home.folder / "run/impasto"
    for name in ("paused", "resume", "pause"):
        (folder / name).unlink(missing_ok=True)
    yield folder / "paused"
    folder.mkdir(exist_ok=True)
    (folder / "pause").unlink(missing_ok=True)
    (folder / "resume").touch()


def key_of(label: str) -> str:
    """Returns the key of the dialog's row with this label."""
    return f"alt+{(LABELS | SHEET_LABELS)[label].partition('_')[2][0].lower()}"


def open_by_menu(screen: Screen, letter: str, dialog: str) -> None:
    """Opens a dialog by Filters > Artistic > the entry with this underlined letter."""
    screen.wait_for_window(IMAGE_WINDOW)
    screen.ask("batch.select_something()")
    screen.press_until_open(dialog, "alt+r", "a", letter)


def open_dialog(screen: Screen) -> None:
    open_by_menu(screen, "n", DIALOG)


def cancel_dialog(screen: Screen) -> None:
    screen.wait_for_window(DIALOG)
    screen.press("Escape")
    screen.wait_for(lambda: not screen.windows(DIALOG), "the end of the dialog")


def paint(screen: Screen, layers: int = 2) -> None:
    """Accepts the dialog, and waits until the image has this number of layers."""
    screen.press("alt+o")
    wait_for_new_layer(screen, layers)


def wait_for_new_layer(screen: Screen, layers: int = 2) -> None:
    """Waits until the image has this number of layers, and their undo steps have ended."""
    screen.wait_for(lambda: screen.ask(SAVED) == [layers, True], "the new layer")
    screen.wait_for_rest()


def undo_new_layer(screen: Screen, steps: int = 1) -> None:
    screen.wait_for_window(IMAGE_WINDOW)
    screen.press(*["ctrl+z"] * steps)
    screen.wait_for(lambda: screen.ask(SAVED) == UNTOUCHED, "the end of the new layer")


def choose_painting(screen: Screen, *keys: str) -> None:
    """Moves through the gallery, which fills itself with thumbnails one after the other."""
    screen.wait_for_rest()
    screen.press(key_of(GALLERY_LABEL), *keys)


def choose_style(screen: Screen, file: Path) -> None:
    screen.press(key_of(STYLE_LABEL), "space")
    screen.wait_for_window(FILE_DIALOG)
    screen.press("ctrl+l", "ctrl+a")
    screen.type(str(file))
    screen.press_until_gone(FILE_DIALOG, "Return")
    screen.wait_for_window(DIALOG)


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


def set_seed(screen: Screen, behaviour: Behaviour) -> None:
    screen.press(key_of(ADVANCED_LABEL))
    change_seed(screen, behaviour)


def change_seed(screen: Screen, behaviour: Behaviour) -> None:
    """Types the seed into *Advanced*, which is open."""
    screen.wait_for_rest()
    screen.press(key_of("Seed"), "ctrl+a")
    screen.type(f"{behaviour.value}\t")


def set_size(screen: Screen, size: int) -> None:
    """Chooses *Other…*, the last entry, and types the number below it."""
    screen.press(key_of("Size"), "End")
    screen.wait_for_rest()
    screen.press("Tab", "ctrl+a")
    screen.type(f"{size}\t")


def test_first_result_takes_four_steps(screen: Screen) -> None:
    steps = ["alt+r", "a", "n"]  # Filters, Artistic, Neural Style…
    screen.wait_for_window(IMAGE_WINDOW)
    screen.press_until_open(DIALOG, *steps)
    steps.append("alt+o")
    screen.press(steps[-1])
    wait_for_new_layer(screen)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    undo_new_layer(screen)

    assert name == "auvers – Background"
    assert len(steps) <= 4


def test_first_dialog_shows_a_preview_and_needs_no_further_choice(
    home: Home, screen: Screen, paused: Path
) -> None:
    open_dialog(screen)
    start_daemon(home, screen)
    home.remembered_preview.unlink(missing_ok=True)
    screen.wait_for_rest()
    before = screen.photograph("first-open", DIALOG)
    screen.press(key_of(PREVIEW_LABEL))
    screen.wait_for(lambda: shows_preview(screen, before), "the preview")
    screen.wait_for_rest()
    screen.photograph("first-preview", DIALOG)
    pause = paused.with_name("pause")
    pause.write_text(StyleSettings().content_layers)
    screen.press("alt+o")
    screen.wait_for(paused.exists, "the middle of the job")
    screen.wait_for_window(PROGRESS_WINDOW)
    pause.unlink()
    drafts = screen.ask("len(batch.forgotten())")
    screen.press("alt+a")
    screen.wait_for_window(DIALOG)
    screen.wait_for(lambda: screen.ask("len(batch.forgotten())") > drafts, "the preview again")
    screen.wait_for_rest()
    screen.photograph("first-adjusted", DIALOG)
    paint(screen)
    beginning = screen.ask('batch.given("beginning")')
    painted = screen.ask(f"batch.grid_of_newest_layer({len(beginning['grid'])})")
    undo_new_layer(screen)
    open_dialog(screen)
    cancel_dialog(screen)
    open_dialog(screen)
    screen.photograph("first-reopened", DIALOG)
    paint(screen)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    undo_new_layer(screen)
    home.remembered_preview.unlink()

    assert name == "auvers – Background"
    # What is painted is what the preview showed: the daemon paints the same at any size.
    pairs = list(zip(beginning["grid"], painted, strict=True))
    assert sum(abs(seen - now) for seen, now in pairs) / len(pairs) < 0.02 * 255


def test_dialog_fits_a_small_screen_with_all_settings_open(screen: Screen) -> None:
    open_dialog(screen)
    folded = screen.size(DIALOG)
    screen.press(key_of(ADVANCED_LABEL))
    screen.wait_for_rest()
    screen.photograph("advanced", DIALOG)
    unfolded = screen.size(DIALOG)
    cancel_dialog(screen)

    assert unfolded == folded
    assert unfolded[0] <= SMALL_SCREEN_PX[0]
    assert unfolded[1] <= SMALL_SCREEN_PX[1]


def test_selection_that_misses_the_layer_is_said_before_the_dialog(screen: Screen) -> None:
    screen.ask("batch.select_outside_of_a_small_layer()")
    screen.wait_for_window(IMAGE_WINDOW)
    screen.press_until_open(ERROR_BOX, "alt+r", "a", "n")
    screen.photograph("selection-elsewhere")
    assert not screen.windows(DIALOG)
    screen.press_until_gone(ERROR_BOX, "Return")
    screen.ask("batch.delete_layer()")
    screen.ask("batch.select_nothing()")


def test_pictures_are_sharp_on_a_screen_of_twice_the_pixels(screen: Screen) -> None:
    small, large = (screen.ask(f"batch.thumbnail({scale})") for scale in (1, 2))

    assert large["size"] == [2 * side for side in small["size"]]
    # It has details that a smaller one does not have, which has been enlarged.
    assert large["detail"] > 1.5 * large["detail_if_enlarged"]


def test_dialog_says_that_the_picture_of_a_grayscale_image_is_gray(screen: Screen) -> None:
    gray, coloured = (
        screen.ask(f"batch.words_about_a_layer({kind!r})") for kind in ("GRAY", "RGB")
    )

    assert "Image > Mode > RGB" in gray
    assert "Image > Mode > RGB" not in coloured


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


def test_help_opens_the_page_of_the_filter(home: Home, screen: Screen) -> None:
    opened = let_a_browser_note_what_it_opens(home)
    open_dialog(screen)
    screen.press("alt+h")
    address = screen.wait_for(lambda: opened_address(opened), "the browser")
    cancel_dialog(screen)

    page = home.plugin / "impasto_gimp/help/en/index.html"
    assert address.removeprefix("file://") == str(page)
    assert page.exists()


def opened_address(opened: Path) -> str:
    """Returns the address that the browser has noted, or nothing until the whole line is there."""
    line = opened.read_text() if opened.exists() else ""
    return line.strip() if line.endswith("\n") else ""


def let_a_browser_note_what_it_opens(home: Home) -> Path:
    opened, browser = home.folder / "opened", home.folder / "browser"
    opened.unlink(missing_ok=True)
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    applications = home.folder / ".local/share/applications"
    applications.mkdir(parents=True, exist_ok=True)
    (applications / "browser.desktop").write_text(
        f"[Desktop Entry]\nType=Application\nName=Browser\nExec={browser} %u\n"
        "MimeType=text/html;x-scheme-handler/file;\n"
    )
    (home.folder / ".config/mimeapps.list").write_text(
        "[Default Applications]\ntext/html=browser.desktop\nx-scheme-handler/file=browser.desktop\n"
    )
    return opened


def test_painting_appears_as_a_layer_that_one_undo_removes(
    home: Home, screen: Screen, paused: Path
) -> None:
    open_dialog(screen)
    screen.photograph("dialog")
    choose_style(screen, home.folder / "poppies.jpg")
    set_seed(screen, Behaviour.PAUSE)
    screen.photograph("style-chosen")
    screen.press("alt+o")
    screen.wait_for(paused.exists, "the middle of the job")
    screen.wait_for_window(PROGRESS_WINDOW)
    screen.photograph("progress-window")
    while_waiting = screen.ask(SAVED)
    paused.with_name("resume").touch()
    wait_for_new_layer(screen)
    screen.photograph("painted")
    screen.wait_for_window(IMAGE_WINDOW)
    screen.press("ctrl+z")
    screen.wait_for(lambda: screen.ask(SAVED) == UNTOUCHED, "the end of the new layer")
    screen.photograph("undone")

    assert while_waiting == UNTOUCHED
    assert screen.ask(SAVED) == UNTOUCHED


def test_animation_is_painted_in_one_undo_step_and_cancel_leaves_nothing(
    home: Home, screen: Screen, paused: Path
) -> None:
    screen.ask("batch.add_frame()")
    open_by_menu(screen, "t", DIALOG)
    choose_painting(screen, "Home")
    set_seed(screen, Behaviour.INVERT)
    screen.photograph("animation", DIALOG)
    paint(screen, layers=4)
    names = screen.ask("[layer.get_name() for layer in batch.shown_layers()]")
    screen.photograph("animation-painted")
    screen.wait_for_window(IMAGE_WINDOW)
    screen.press("ctrl+z")
    screen.wait_for(lambda: screen.ask(SAVED) == [2, False], "the end of the new layers")
    open_by_menu(screen, "t", DIALOG)
    set_seed(screen, Behaviour.PAUSE)
    screen.press("alt+o")
    screen.wait_for(paused.exists, "the middle of the first frame")
    screen.wait_for_window("^Neural Style: ")
    screen.photograph("animation-progress-window")
    screen.press("Escape")
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")
    cancelled = screen.ask(SAVED)
    screen.ask("batch.remove_frame()")

    assert names == ["auvers – Second", "auvers – Background", "Second", "Background"]
    assert cancelled == [2, False]


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


def painted_size(screen: Screen) -> int:
    """Returns the size at which the dialog on the screen paints."""
    paint(screen)
    size: int = json.loads(screen.ask(REMEMBERED)[0])["settings"]["size"]
    undo_new_layer(screen)
    return size


def test_size_that_is_painted_soon_is_chosen_until_the_user_chooses_one(
    home: Home, screen: Screen
) -> None:
    folder = home.folder / "run/impasto"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "seconds_per_pixel").write_text("0.5")
    open_dialog(screen)
    start_daemon(home, screen)
    choose_painting(screen, "Home")
    set_seed(screen, Behaviour.INVERT)
    (folder / "forecast").unlink(missing_ok=True)
    screen.wait_for((folder / "forecast").exists, "a question how long the picture takes")
    screen.wait_for_rest()
    screen.photograph("size-chosen-for-the-user")
    by_default = painted_size(screen)
    open_dialog(screen)
    screen.press(key_of("Size"), "Home")
    by_user = painted_size(screen)
    open_dialog(screen)
    screen.wait_for_rest()
    screen.photograph("size-chosen-by-the-user")
    kept = painted_size(screen)
    (folder / "seconds_per_pixel").unlink()

    assert (by_default, by_user, kept) == (256, 512, 512)


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


def test_results_and_regions_of_a_deleted_layer_are_refused(screen: Screen) -> None:
    open_dialog(screen)
    screen.ask("batch.delete_layer()")
    for keys in ([key_of(RESULTS_LABEL)], [key_of(REGION_LABEL), "Tab", "space"]):
        screen.press(*keys)
        screen.wait_for(lambda: len(screen.windows(DIALOG)) == 2, "the message")
        screen.wait_for_rest()
        screen.photograph(f"deleted-{len(keys)}")
        screen.press("Return")
        screen.wait_for(lambda: len(screen.windows(DIALOG)) == 1, "the end of the message")
    cancel_dialog(screen)
    undo_new_layer(screen)


def test_click_on_a_variation_takes_its_settings(screen: Screen) -> None:
    open_dialog(screen)
    choose_painting(screen, "Home")
    forgotten = screen.ask("len(batch.forgotten())")
    screen.press(key_of(VARIATIONS_LABEL))
    screen.wait_for_window(VARIATIONS)
    screen.wait_for_rest()
    # A picture that is not painted cannot be chosen; one that has arrived is forgotten.
    screen.wait_for(lambda: screen.ask("len(batch.forgotten())") >= forgotten + 9, "nine pictures")
    screen.wait_for_rest()
    screen.photograph("variations")
    # The focus is on what to vary; the last of nine is the strongest with the largest strokes.
    screen.press(*["Tab"] * 9, "space")
    screen.wait_for(lambda: not screen.windows(VARIATIONS), "the end of the variations")
    screen.wait_for_window(DIALOG)
    screen.photograph("variation-taken")
    set_seed(screen, Behaviour.INVERT)
    paint(screen)
    remembered = screen.ask(REMEMBERED)
    undo_new_layer(screen)

    assert '"style_strength": 2.0' in remembered[0]
    assert '"style_scale": 2.0' in remembered[0]
    assert '"quality": "good"' in remembered[0]


def test_preview_follows_the_settings(home: Home, screen: Screen, paused: Path) -> None:
    cancelled, forgotten = paused.with_name("cancelled"), paused.with_name("forgotten")
    for file in (cancelled, forgotten):
        file.unlink(missing_ok=True)
    open_dialog(screen)
    start_daemon(home, screen)
    choose_style(screen, home.folder / "poppies.jpg")
    set_seed(screen, Behaviour.PAUSE)
    screen.wait_for_rest()
    before = screen.photograph("preview-off", DIALOG)
    screen.press(key_of(PREVIEW_LABEL))
    screen.wait_for(paused.exists, "the middle of the draft")
    screen.wait_for(lambda: shows_preview(screen, before), "the preview")
    change_seed(screen, Behaviour.INVERT)
    screen.wait_for(cancelled.exists, "the end of the older draft")
    screen.wait_for(forgotten.exists, "the newer draft")
    screen.photograph("preview", DIALOG)
    paint(screen)
    beginning = screen.ask('batch.given("beginning")')
    undo_new_layer(screen)

    assert beginning["size"] == max(beginning["picture"]) == 256
    assert home.remembered_preview.read_text() == "on"
    home.remembered_preview.unlink()


def start_daemon(home: Home, screen: Screen) -> None:
    """Presses Start until there is a daemon, if no test before has started it."""
    socket = Path(home.endpoint.removeprefix("ipc://"))

    def is_started() -> bool:
        if not socket.exists():
            screen.press(key_of(START_LABEL))  # without effect while the dialog looks for a daemon
        return socket.exists()

    screen.wait_for(is_started, "the daemon")


def shows_preview(screen: Screen, before: Path) -> bool:
    """Returns whether the dialog has changed by more than a line of text since a screenshot."""
    now = screen.photograph("preview-begun", DIALOG)
    with Image.open(before) as old, Image.open(now) as new:
        change = ImageChops.difference(old.convert("L"), new.convert("L"))
    return sum(change.histogram()[16:]) > PREVIEW_PX


def test_texture_becomes_a_layer_of_the_image_s_size(screen: Screen) -> None:
    open_by_menu(screen, "x", TEXTURE)
    choose_painting(screen, "Home")
    screen.photograph("texture", TEXTURE)
    paint(screen)
    name, size, below = screen.ask(
        "[[layer.get_name(), layer.get_width()] for layer in batch.shown_layers()][0]"
        " + [batch.shown_layers()[1].get_width()]"
    )
    undo_new_layer(screen)

    assert name == "Texture (auvers)"
    assert size == below


def open_explore(screen: Screen) -> None:
    open_by_menu(screen, "e", EXPLORE)


def number_of_images(screen: Screen) -> int:
    number: int = screen.ask("len(Gimp.get_images())")
    return number


def start_exploring(screen: Screen, paused: Path) -> None:
    """Starts a sheet that pauses at its third picture, with its progress window on the screen."""
    paused.parent.mkdir(mode=0o700, exist_ok=True)
    paused.with_name("pause").write_text("relu3_1:1")
    screen.press("alt+o")
    screen.wait_for(paused.exists, "the third picture")
    screen.wait_for_window(EXPLORE_PROGRESS_WINDOW)


def test_explore_opens_a_new_image_of_the_finished_pictures(
    home: Home, screen: Screen, paused: Path
) -> None:
    open_explore(screen)
    sheets = key_of(SHEET_LABEL)
    screen.press(sheets, "End", "Up", "Up")
    screen.wait_for_rest()
    screen.photograph("explore-losses", EXPLORE)
    screen.press(sheets, "Home")
    screen.photograph("explore", EXPLORE)
    start_exploring(screen, paused)
    screen.photograph("explore-progress-window")
    screen.press("alt+k")
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")
    screen.photograph("explored")
    names = screen.ask("batch.names_in_newest_image()")
    screen.ask("batch.close_newest_window()")

    assert number_of_images(screen) == 1
    assert names == ["Photo", "relu1_1", "relu2_1", "Captions", "Paper"]
    assert screen.ask(SAVED) == UNTOUCHED


def test_explore_leaves_nothing_when_it_is_cancelled(
    home: Home, screen: Screen, paused: Path
) -> None:
    open_explore(screen)
    start_exploring(screen, paused)
    screen.press("Escape")
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")

    assert not screen.windows(EXPLORE_PROGRESS_WINDOW)
    assert not screen.windows(ERROR_BOX)
    assert number_of_images(screen) == 1
    assert screen.ask(SAVED) == UNTOUCHED


def test_again_begins_with_what_the_layer_remembers(home: Home, screen: Screen) -> None:
    open_dialog(screen)
    choose_style(screen, home.folder / "poppies.jpg")
    set_seed(screen, Behaviour.INVERT)
    set_size(screen, 77)
    paint(screen)
    open_dialog(screen)
    set_size(screen, 88)
    cancel_dialog(screen)
    open_by_menu(screen, "y", DIALOG)
    screen.photograph("again")
    screen.press("alt+o")
    wait_for_new_layer(screen, layers=3)
    remembered = screen.ask(REMEMBERED)
    undo_new_layer(screen, steps=2)

    assert remembered[0] == remembered[1]
    assert '"size": 77' in remembered[0]


def test_painting_is_finished_larger(home: Home, screen: Screen) -> None:
    open_dialog(screen)
    choose_style(screen, home.folder / "poppies.jpg")
    set_seed(screen, Behaviour.INVERT)
    set_size(screen, 100)
    paint(screen)
    open_by_menu(screen, "l", LARGER)
    screen.wait_for_rest()
    screen.photograph("finish-larger", LARGER)
    screen.press(key_of("Size"), "End")  # the smallest
    screen.press("alt+o")
    wait_for_new_layer(screen, layers=3)
    remembered = [json.loads(recipe)["settings"]["size"] for recipe in screen.ask(REMEMBERED)]
    undo_new_layer(screen, steps=2)

    assert remembered == [256, 100]


@pytest.mark.parametrize(
    ("style", "behaviour"),
    [("bad/empty.png", Behaviour.INVERT), ("poppies.jpg", Behaviour.DIE)],
    ids=["empty-style", "daemon-killed"],
)
def test_failure_is_shown_by_gimp_and_changes_nothing(
    home: Home, screen: Screen, style: str, behaviour: Behaviour
) -> None:
    open_dialog(screen)
    choose_style(screen, home.folder / style)
    set_seed(screen, behaviour)
    screen.press("alt+o")
    screen.wait_for_window(ERROR_BOX)
    screen.photograph(f"error-{Path(style).stem}")
    screen.press_until_gone(ERROR_BOX, "Return")
    after = screen.ask(SAVED)
    # The dialog begins with what was chosen, which fails again.
    open_dialog(screen)
    screen.press("alt+o")
    screen.wait_for_window(ERROR_BOX)
    screen.press_until_gone(ERROR_BOX, "Return")

    assert after == screen.ask(SAVED) == UNTOUCHED


def start_painting(screen: Screen, home: Home, paused: Path) -> None:
    """Starts a job that pauses halfway, with its progress window on the screen."""
    open_dialog(screen)
    choose_style(screen, home.folder / "poppies.jpg")
    set_seed(screen, Behaviour.PAUSE)
    screen.press("alt+o")
    screen.wait_for(paused.exists, "the middle of the job")
    screen.wait_for_window(PROGRESS_WINDOW)


def test_stop_and_keep_adds_what_has_been_painted(home: Home, screen: Screen, paused: Path) -> None:
    start_painting(screen, home, paused)
    screen.press("alt+k")
    wait_for_new_layer(screen)
    screen.wait_for(lambda: not screen.windows(PROGRESS_WINDOW), "the end of the progress window")
    screen.photograph("kept")
    recipe = json.loads(screen.ask(REMEMBERED)[0])
    undo_new_layer(screen)

    assert recipe["painted_px"] == recipe["settings"]["size"] // 2


def test_return_and_space_do_not_throw_the_painting_away(
    home: Home, screen: Screen, paused: Path
) -> None:
    start_painting(screen, home, paused)
    screen.press("Return", "space")
    screen.wait_for_rest()
    assert screen.windows(PROGRESS_WINDOW)
    paused.with_name("resume").touch()
    wait_for_new_layer(screen)
    undo_new_layer(screen)


def test_settings_survive_a_cancelled_painting_and_a_cancelled_dialog(
    home: Home, screen: Screen, paused: Path
) -> None:
    open_dialog(screen)
    set_size(screen, 99)
    cancel_dialog(screen)
    start_painting(screen, home, paused)
    screen.press("Escape")
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")
    paused.unlink()
    open_dialog(screen)
    screen.photograph("settings-again")
    screen.press("alt+o")
    screen.wait_for(paused.exists, "the middle of the job")
    paused.with_name("resume").touch()
    wait_for_new_layer(screen)
    remembered = screen.ask(REMEMBERED)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    undo_new_layer(screen)

    assert '"size": 99' in remembered[0]
    assert name == "poppies – Background"


def test_adjust_brings_the_dialog_back_as_it_was(home: Home, screen: Screen, paused: Path) -> None:
    open_dialog(screen)
    choose_style(screen, home.folder / "poppies.jpg")
    screen.press("alt+2")
    set_seed(screen, Behaviour.PAUSE)
    screen.press("alt+o")
    screen.wait_for(paused.exists, "the middle of the job")
    screen.wait_for_window(PROGRESS_WINDOW)
    paused.unlink()
    screen.press("alt+a")
    screen.wait_for_window(DIALOG)
    assert not screen.windows(PROGRESS_WINDOW)
    screen.photograph("adjusted")
    # The advanced settings are still open, and the second style too, which has no painting.
    change_seed(screen, Behaviour.INVERT)
    paint(screen)
    name = screen.ask("batch.shown_layers()[0].get_name()")
    (recipe,) = screen.ask(REMEMBERED)
    undo_new_layer(screen)

    assert name == "poppies – Background"
    assert json.loads(recipe)["settings"]["seed"] == Behaviour.INVERT.value


@pytest.mark.parametrize("key", ["Escape", "alt+c"])
def test_cancel_in_the_progress_window_changes_nothing(
    home: Home, screen: Screen, paused: Path, key: str
) -> None:
    start_painting(screen, home, paused)
    screen.press(key)
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")

    assert not screen.windows(PROGRESS_WINDOW)
    assert not screen.windows(ERROR_BOX)
    assert screen.ask(SAVED) == UNTOUCHED


def test_cancel_in_gimp_ends_a_repeated_filter_and_changes_nothing(
    home: Home, screen: Screen, paused: Path
) -> None:
    start_painting(screen, home, paused)
    screen.press("alt+k")
    wait_for_new_layer(screen)
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")
    paused.unlink()
    undo_new_layer(screen)
    screen.press("ctrl+f")  # Filters > Repeat
    screen.wait_for(paused.exists, "the middle of the repeated job")
    screen.photograph("repeated")
    screen.click(*CANCEL_PX)
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")

    assert screen.ask(SAVED) == UNTOUCHED


def test_painting_of_a_layer_that_was_resized_meanwhile_opens_as_a_new_image(
    home: Home, screen: Screen, paused: Path
) -> None:
    images_before = screen.ask("len(Gimp.get_images())")
    start_painting(screen, home, paused)
    screen.ask("batch.shown_layers()[0].scale(30, 20, False)")
    paused.with_name("resume").touch()
    screen.wait_for(lambda: screen.ask("len(Gimp.get_images())") > images_before, "a new image")
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")
    screen.photograph("opened-as-a-new-image")

    names = (
        "sorted(layer.get_name() for image in Gimp.get_images() for layer in image.get_layers())"
    )
    assert "poppies" in screen.ask(names)
    assert len(screen.windows(IMAGE_WINDOW)) >= 1
    # It is among the results, too.
    records = (home.folder / ".cache/impasto/results").glob("*.json")
    assert set(screen.ask("batch.forgotten()")).isdisjoint(kept := [file.stem for file in records])
    assert kept
