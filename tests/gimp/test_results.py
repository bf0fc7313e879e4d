"""The progress window, the background, and the pictures that are kept: all that follows OK."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from gimp.dialog_steps import (
    IMAGE_WINDOW,
    PROGRESS_WINDOW,
    REMEMBERED,
    SAVED,
    UNTOUCHED,
    choose_painting,
    open_by_menu,
    open_dialog,
    set_seed,
    undo_new_layer,
    wait_for_new_layer,
)
from gimp.gimps import REPOSITORY, Home
from gimp.screen import Screen
from gimp.scripted_daemon import Behaviour

pytestmark = pytest.mark.gimp

RESULTS = "^Neural Style: Results$"
SECOND_OF_TWO = r"^Neural Style: .* \(2 of 2\)$"
# Only when all is at rest: GIMP shows an error if it is asked for the name of a removed layer.
LAYERS = "[layer.get_name() for layer in batch.shown_layers()]"
PAINTED = ["auvers – Background", "Background"]
# On the first of the pictures.
FIRST_PX = (90, 90)
# The middle of the picture in the progress window: orange in the photo, blue in the painting.
MIDDLE_PX = (300, 320, 340, 360)


@contextmanager
def on_screen(home: Home, file: Path) -> Iterator[Screen]:
    """Starts a GIMP with an image in a window."""
    with Screen(home, REPOSITORY / "test-output/screens") as screen:
        screen.ask(f"batch.open_window({str(file)!r})")
        screen.wait_for_window(IMAGE_WINDOW)
        screen.enlarge(IMAGE_WINDOW)
        yield screen


@pytest.fixture(scope="module")
def screen(home: Home) -> Iterator[Screen]:
    """A GIMP that was started after another had ended before its painting was done."""
    folder, saved = daemon_folder(home), home.folder / "saved.xcf"
    photo = Path(shutil.copy(REPOSITORY / "assets/photos/astronaut.jpg", home.folder))
    with on_screen(home, photo) as first:
        begin(home, first)
        first.press("alt+b")
        first.wait_for((folder / "detached").exists, "the end of the window")
        first.ask(f"batch.save_shown({str(saved)!r})")
    (folder / "resume").touch()
    with on_screen(home, saved) as screen:
        yield screen


def daemon_folder(home: Home) -> Path:
    folder = home.folder / "run/impasto"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def begin(home: Home, screen: Screen, window: str = PROGRESS_WINDOW) -> None:
    """Begins a painting that is held up after its first preview."""
    for name in ("paused", "resume"):
        (daemon_folder(home) / name).unlink(missing_ok=True)
    open_dialog(screen)
    choose_painting(screen, "Home")
    set_seed(screen, Behaviour.PAUSE)
    screen.press("alt+o")
    screen.wait_for((daemon_folder(home) / "paused").exists, "the middle of the job")
    screen.wait_for_window(window)


def open_results(screen: Screen) -> None:
    open_by_menu(screen, "u", RESULTS)


def close_results(screen: Screen) -> None:
    screen.press_until_gone(RESULTS, "Escape")


def show_first(screen: Screen) -> None:
    """Clicks the first picture, and waits until it is on the canvas."""
    screen.click_in(RESULTS, *FIRST_PX)
    screen.wait_for(lambda: screen.ask(SAVED)[0] == 2, "the picture on the canvas")
    screen.wait_for_rest()


def test_painting_in_the_background_is_kept_when_gimp_ends(screen: Screen) -> None:
    open_results(screen)
    show_first(screen)
    screen.photograph("results")
    shown = screen.ask(SAVED)
    close_results(screen)
    closed = screen.ask(SAVED)
    open_results(screen)
    show_first(screen)
    screen.press("alt+k")
    wait_for_new_layer(screen)
    assert screen.ask(LAYERS) == PAINTED
    screen.photograph("result-kept")
    close_results(screen)
    recipe = json.loads(screen.ask(REMEMBERED)[0])
    undo_new_layer(screen)

    # What is shown leaves no trace, and needs no saving.
    assert shown == [2, False]
    assert closed == UNTOUCHED
    assert recipe["settings"]["seed"] == Behaviour.PAUSE.value
    assert recipe["styles"][0]["file"].endswith("auvers.jpg")


def test_forgotten_result_is_gone_here_and_at_the_daemon(home: Home, screen: Screen) -> None:
    open_results(screen)
    show_first(screen)
    screen.press("alt+f")
    forgotten = daemon_folder(home) / "forgotten"
    screen.wait_for(forgotten.exists, "the daemon's answer")
    screen.wait_for(lambda: screen.ask(SAVED) == UNTOUCHED, "the end of the picture")
    screen.photograph("results-empty", RESULTS)
    close_results(screen)

    assert not list((home.folder / ".cache/impasto/results").iterdir())


def middle_of(screen: Screen, name: str) -> list[float]:
    picture = Image.open(screen.photograph(name, PROGRESS_WINDOW)).convert("RGB")
    return ImageStat.Stat(picture.crop(MIDDLE_PX)).mean


def test_painting_is_compared_and_enlarged_and_keeps_the_truth_when_stopped(
    home: Home, screen: Screen
) -> None:
    def is_painting(name: str) -> bool:
        red, _, blue = middle_of(screen, name)
        return blue > red

    begin(home, screen)
    screen.wait_for(lambda: is_painting("easel"), "the preview")
    screen.press("alt+p")
    screen.wait_for(lambda: not is_painting("easel-photo"), "the photo")
    screen.press("alt+p")
    screen.wait_for(lambda: is_painting("easel-painting"), "the painting")
    screen.press("1", "plus", "plus", "Right", "Down")
    previews = daemon_folder(home) / "previews"
    screen.wait_for(
        lambda: previews.exists() and previews.read_text().endswith("1024\n"),
        "the request of larger previews",
    )
    screen.photograph("easel-enlarged", PROGRESS_WINDOW)
    screen.press("alt+k")
    wait_for_new_layer(screen)
    assert screen.ask(LAYERS) == PAINTED
    recipe = json.loads(screen.ask(REMEMBERED)[0])
    undo_new_layer(screen)

    assert (recipe["settings"]["size"], recipe["painted_px"]) == (512, 256)


def test_painting_in_the_background_becomes_a_layer_when_it_is_done(
    home: Home, screen: Screen
) -> None:
    begin(home, screen)
    screen.press("alt+b")
    screen.wait_for(lambda: not screen.windows(PROGRESS_WINDOW), "the end of the window")
    # GIMP does other things meanwhile.
    open_results(screen)
    screen.photograph("results-while-painting", RESULTS)
    close_results(screen)
    before = screen.ask(SAVED)
    (daemon_folder(home) / "resume").touch()
    wait_for_new_layer(screen)
    assert screen.ask(LAYERS) == PAINTED
    screen.photograph("painted-in-the-background")
    undo_new_layer(screen)

    assert before == UNTOUCHED


def test_cancel_between_two_layers_keeps_the_painting_of_the_first(
    home: Home, screen: Screen
) -> None:
    screen.ask("batch.select_two_layers()")
    begin(home, screen, r"^Neural Style: .* \(1 of 2\)$")
    screen.photograph("first-of-two")
    screen.press("alt+k")
    screen.wait_for_window(SECOND_OF_TWO)
    between = screen.ask(LAYERS)
    screen.press("Escape")
    screen.wait_for(lambda: not screen.windows(SECOND_OF_TWO), "the end of the window")
    screen.wait_for(lambda: not home.plug_in_processes(), "the end of the plug-in")

    assert len(between) == 3
    assert screen.ask(LAYERS) == between
    screen.wait_for_window(IMAGE_WINDOW)
    screen.press("ctrl+z")
    screen.wait_for(lambda: screen.ask(SAVED)[0] == 2, "the end of the new layer")
