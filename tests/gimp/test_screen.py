"""The plug-in on a screen, driven by keys. The pictures that the tests take are in test-output/."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from gimp.dialog_steps import (
    DIALOG,
    ERROR_BOX,
    IMAGE_WINDOW,
    PROGRESS_WINDOW,
    REMEMBERED,
    SAVED,
    UNTOUCHED,
    VARIATIONS,
    cancel_dialog,
    change_seed,
    choose_painting,
    choose_style,
    key_of,
    let_a_browser_note_what_it_opens,
    open_by_menu,
    open_dialog,
    opened_address,
    paint,
    set_seed,
    set_size,
    undo_new_layer,
    wait_for_new_layer,
)
from gimp.gimps import Home
from gimp.screen import Screen
from gimp.scripted_daemon import Behaviour
from impasto_gimp.arguments.explore_arguments import SHEET_LABEL
from impasto_gimp.arguments.procedure_arguments import (
    ADVANCED_LABEL,
    PREVIEW_LABEL,
    REGION_LABEL,
    RESULTS_LABEL,
    START_LABEL,
    VARIATIONS_LABEL,
)
from impasto_shared.settings import StyleSettings

pytestmark = pytest.mark.gimp

LARGER = "^Neural Style: Finish Larger$"
TEXTURE = "^Texture from Image$"
EXPLORE = "^Neural Style: Explore$"
EXPLORE_PROGRESS_WINDOW = "^Neural Style: Explore: "
# A quarter of the preview.
PREVIEW_PX = 16_000
# A laptop's 1024 × 768, less the title bar of the window and a panel of 30 pixels.
SMALL_SCREEN_PX = (1024, 714)


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


def test_dialog_of_a_layer_with_a_very_long_name_fits_a_small_screen(screen: Screen) -> None:
    usual = screen.ask(f"batch.rename_layer({150 * 'Sky, '!r})")
    open_dialog(screen)
    screen.wait_for_rest()
    screen.photograph("long-name", DIALOG)
    size = screen.size(DIALOG)
    cancel_dialog(screen)
    screen.ask(f"batch.rename_layer({usual!r})")

    assert size[0] <= SMALL_SCREEN_PX[0]
    assert size[1] <= SMALL_SCREEN_PX[1]


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


def test_help_opens_the_page_of_the_filter(home: Home, screen: Screen) -> None:
    opened = let_a_browser_note_what_it_opens(home)
    open_dialog(screen)
    screen.press("alt+h")
    address = screen.wait_for(lambda: opened_address(opened), "the browser")
    cancel_dialog(screen)

    page = home.plugin / "impasto_gimp/help/en/index.html"
    assert address.removeprefix("file://") == str(page)
    assert page.exists()


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
