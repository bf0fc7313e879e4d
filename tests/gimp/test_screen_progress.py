"""The progress window after *OK*, its buttons, and what can go wrong, on a screen by keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gimp.dialog_steps import (
    DIALOG,
    ERROR_BOX,
    IMAGE_WINDOW,
    PROGRESS_WINDOW,
    REMEMBERED,
    SAVED,
    UNTOUCHED,
    cancel_dialog,
    change_seed,
    choose_painting,
    choose_style,
    open_by_menu,
    open_dialog,
    paint,
    set_seed,
    set_size,
    undo_new_layer,
    wait_for_new_layer,
)
from gimp.gimps import Home
from gimp.screen import Screen
from gimp.scripted_daemon import Behaviour

pytestmark = pytest.mark.gimp

# The button Cancel next to GIMP's progress bar, which no key reaches.
CANCEL_PX = (990, 864)


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
