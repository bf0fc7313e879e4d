"""The plug-in in German, heard and driven by a screen reader.

The texts that it reads out are in test-output/screens, next to the pictures.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from gimp.conftest import prepared_home
from gimp.dialog_steps import (
    IMAGE_WINDOW,
    SAVED,
    UNTOUCHED,
    let_a_browser_note_what_it_opens,
    opened_address,
    undo_new_layer,
    wait_for_new_layer,
)
from gimp.gimps import REPOSITORY, Home
from gimp.screen import Screen
from gimp.scripted_daemon import Behaviour
from impasto_shared.settings import StyleSettings

pytestmark = pytest.mark.gimp

DIALOG = "^Neuronaler Stil$"
VARIATIONS = "^Neuronaler Stil: Varianten$"
PROGRESS_WINDOW = "^Neuronaler Stil: Hintergrund"
SAVE_PRESET = "^Als Vorgabe speichern$"
RESULTS = "^Neuronaler Stil: Ergebnisse$"
SUGGESTION = "^Neuronaler Stil: Vorgeschlagene Bereiche$"
EXPLORE = "^Neuronaler Stil: Erkunden$"
# The scripted daemon says a tenth of a second for every pixel of the size.
TAKES = "Das Bild braucht etwa 42 s und 2,0 von 10,0 GB Speicher."
PREVIEW = "Vorschau (etwa 26 s)"
IS_DRAFT = "Dies ist ein kleiner Entwurf"
IN_PARTS = "Damit es in den Speicher passt, wird das Bild in 3 Teilen gemalt."
FOLDER = REPOSITORY / "test-output/screens"


@pytest.fixture(scope="module")
def german(home: Home) -> Iterator[Home]:
    with prepared_home(home.gimp, language="de_DE", has_screen_reader=True) as german:
        yield german


@pytest.fixture(scope="module")
def screen(german: Home) -> Iterator[Screen]:
    photo = shutil.copy(REPOSITORY / "assets/photos/astronaut.jpg", german.folder)
    with Screen(german, FOLDER) as screen:
        screen.ask(f"batch.open_window({photo!r})")
        screen.wait_for_window(IMAGE_WINDOW)
        yield screen


def read_out(screen: Screen, title: str, name: str, version: str) -> list[dict[str, Any]]:
    """Returns the contents of a window, and saves them as a text."""
    shown: list[dict[str, Any]] = json.loads(screen.read_out("dump", title))
    lines = (f"{'  ' * entry['depth']}{entry['role']}: {entry['name']}\n" for entry in shown)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}-{version}.txt").write_text("".join(lines))
    return shown


def names(screen: Screen, title: str) -> set[str]:
    """Returns the names of what a window shows."""
    return {entry["name"] for entry in json.loads(screen.read_out("dump", title))}


# What holds other widgets.
_WITHOUT_NAME = {"scroll pane", "panel"}


def nameless(shown: list[dict[str, Any]]) -> list[str]:
    """Returns the roles of usable widgets that have no name."""
    return [
        entry["role"]
        for entry in shown
        if entry["can_be_focused"] and not entry["name"] and entry["role"] not in _WITHOUT_NAME
    ]


def test_every_control_has_a_name_and_can_be_used(german: Home, screen: Screen) -> None:
    version = german.gimp.version
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil …")
    screen.wait_for_window(DIALOG)
    screen.read_out("press", DIALOG, "Erweitert")
    screen.wait_for_rest()
    dialog = read_out(screen, DIALOG, "dialog-read-out", version)
    screen.photograph("dialog-german", DIALOG)
    screen.read_out("focus", DIALOG, "Gemälde")
    screen.press("Home")
    screen.read_out("press", DIALOG, "Varianten …")
    screen.wait_for_window(VARIATIONS)
    screen.wait_for_rest()
    variations = read_out(screen, VARIATIONS, "variations-read-out", version)
    screen.photograph("variations-german", VARIATIONS)
    screen.read_out("press", VARIATIONS, "Abbrechen")
    screen.wait_for_window(DIALOG)
    screen.wait_for(lambda: PREVIEW in screen.read_out("dump", DIALOG), "the time of a draft")
    screen.read_out("press", DIALOG, PREVIEW)
    screen.wait_for(lambda: IS_DRAFT in screen.read_out("dump", DIALOG), "the draft")
    screen.photograph("preview-german", DIALOG)
    screen.press("alt+q", "Tab", "End")  # the last of the sizes
    screen.read_out("focus", DIALOG, "Pixel")
    screen.press("ctrl+a")
    screen.type("420\t")
    said = f"{TAKES} {IN_PARTS}"
    screen.wait_for(lambda: said in screen.read_out("dump", DIALOG), "the expected time")
    screen.photograph("expected-time-german", DIALOG)
    screen.read_out("focus", DIALOG, "Startwert")
    screen.press("ctrl+a")
    screen.type(f"{Behaviour.PAUSE.value}\t")
    screen.read_out("press", DIALOG, "OK")
    screen.wait_for_window(PROGRESS_WINDOW)
    progress_window = read_out(screen, PROGRESS_WINDOW, "progress-window-read-out", version)
    screen.photograph("progress-window-german", PROGRESS_WINDOW)
    screen.read_out("press", PROGRESS_WINDOW, "Abbrechen")
    screen.wait_for(lambda: not screen.windows(PROGRESS_WINDOW), "the end of the progress window")

    assert not nameless(dialog)
    assert not nameless(variations)
    assert not nameless(progress_window)
    assert {"Gemälde", "Stilstärke", "Qualität", "Varianten …"} <= {
        entry["name"] for entry in dialog
    }
    assert any(entry["name"].startswith("Malt die Ebene „Hintergrund“ von") for entry in dialog)
    assert screen.ask(SAVED) == UNTOUCHED


def test_painting_in_the_background_is_read_out_and_can_be_ended(
    german: Home, screen: Screen
) -> None:
    pause = german.folder / "run/impasto/pause"
    pause.parent.mkdir(mode=0o700, exist_ok=True)
    pause.write_text(StyleSettings().content_layers)
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil …")
    screen.wait_for_window(DIALOG)
    screen.wait_for_rest()
    screen.read_out("focus", DIALOG, "Gemälde")
    screen.press("Home", "alt+o")
    screen.wait_for_window(PROGRESS_WINDOW)
    screen.read_out("press", PROGRESS_WINDOW, "Im Hintergrund weiter")
    screen.wait_for(lambda: not screen.windows(PROGRESS_WINDOW), "the end of the progress window")
    screen.wait_for_window(IMAGE_WINDOW)
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil: Ergebnisse …")
    screen.wait_for_window(RESULTS)
    screen.wait_for(lambda: "Schritt 50" in screen.read_out("dump", RESULTS), "the progress")
    results = read_out(screen, RESULTS, "results-read-out", german.gimp.version)
    screen.photograph("results-german", RESULTS)
    screen.press("Tab")
    screen.read_out("press", RESULTS, "Vergessen")
    screen.wait_for(
        lambda: "gibt es noch keine" in screen.read_out("dump", RESULTS), "the end of the painting"
    )
    screen.photograph("results-empty-german", RESULTS)
    screen.read_out("press", RESULTS, "Schließen")
    screen.wait_for(lambda: not german.plug_in_processes(), "the end of the plug-ins")
    pause.unlink()

    assert not nameless(results)
    assert any(entry["name"].startswith("auvers, ") for entry in results)
    assert screen.ask(SAVED) == UNTOUCHED


def test_dialog_says_that_its_layer_is_itself_a_painting(german: Home, screen: Screen) -> None:
    note = "Sie ist selbst ein"
    (german.folder / "run/impasto/resume").touch()  # the seed of an earlier dialog pauses
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil …")
    screen.wait_for_window(DIALOG)
    of_photo = screen.read_out("dump", DIALOG)
    screen.read_out("focus", DIALOG, "Gemälde")
    screen.press("Home", "Return")
    wait_for_new_layer(screen)
    screen.wait_for_window(IMAGE_WINDOW)
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil …")
    screen.wait_for_window(DIALOG)
    of_painting = screen.read_out("dump", DIALOG)
    screen.photograph("painting-of-a-painting-german", DIALOG)
    screen.read_out("press", DIALOG, "Abbrechen")
    screen.wait_for(lambda: not screen.windows(DIALOG), "the end of the dialog")
    undo_new_layer(screen)

    assert note not in of_photo
    assert note in of_painting


def test_help_opens_the_german_page(german: Home, screen: Screen) -> None:
    opened = let_a_browser_note_what_it_opens(german)
    screen.wait_for_window(IMAGE_WINDOW)
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil …")
    screen.wait_for_window(DIALOG)
    screen.read_out("press", DIALOG, "Hilfe")
    address = screen.wait_for(lambda: opened_address(opened), "the browser")
    screen.read_out("press", DIALOG, "Abbrechen")
    screen.wait_for(lambda: not screen.windows(DIALOG), "the end of the dialog")

    page = german.plugin / "impasto_gimp/help/de/index.html"
    assert address.removeprefix("file://") == str(page)
    assert page.exists()


def test_regions_can_be_chosen_without_a_mouse(german: Home, screen: Screen) -> None:
    screen.wait_for_window(IMAGE_WINDOW)
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil …")
    screen.wait_for_window(DIALOG)
    screen.wait_for_rest()
    screen.read_out("press", DIALOG, "Vorschlagen …")
    screen.wait_for_window(SUGGESTION)
    third = "Bereich 3 (33\N{NO-BREAK SPACE}%): wie im Foto"
    screen.wait_for(lambda: third in names(screen, SUGGESTION), "the regions")
    screen.wait_for_rest()
    dialog = read_out(screen, SUGGESTION, "suggestion-read-out", german.gimp.version)
    screen.read_out("press", SUGGESTION, third)
    screen.read_out("focus", SUGGESTION, "Gemälde des Bereichs")
    screen.press("Home", "space")
    chosen = third.replace("wie im Foto", "Dorfstraße in Auvers")
    screen.wait_for(lambda: chosen in names(screen, SUGGESTION), "the painting")
    screen.photograph("suggestion-german", SUGGESTION)
    screen.read_out("press", SUGGESTION, "Abbrechen")
    screen.wait_for(lambda: not screen.windows(SUGGESTION), "the end of the suggestion")
    screen.wait_for_window(DIALOG)
    screen.read_out("press", DIALOG, "Abbrechen")
    screen.wait_for(lambda: not screen.windows(DIALOG), "the end of the dialog")

    assert not nameless(dialog)
    assert screen.ask(SAVED) == UNTOUCHED


def test_windows_that_a_screen_reader_opens_take_keys(german: Home, screen: Screen) -> None:
    opened = {
        "Vorschlagen …": SUGGESTION,
        "Varianten …": VARIATIONS,
        "Ergebnisse …": RESULTS,
        "Als Vorgabe speichern …": SAVE_PRESET,
    }
    screen.wait_for_window(IMAGE_WINDOW)
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil …")
    screen.wait_for_window(DIALOG)
    screen.wait_for_rest()
    screen.read_out("focus", DIALOG, "Gemälde")
    screen.press("Home")
    for button, window in opened.items():
        screen.read_out("press", DIALOG, button)
        screen.wait_for_window(window)
        screen.press_until_gone(window, "Escape")
    screen.wait_for_window(DIALOG)
    screen.press_until_gone(DIALOG, "Escape")
    screen.wait_for(lambda: not german.plug_in_processes(), "the end of the plug-in")

    assert screen.ask(SAVED) == UNTOUCHED


def test_every_control_of_explore_has_a_name(german: Home, screen: Screen) -> None:
    screen.wait_for_window(IMAGE_WINDOW)
    screen.read_out("press", IMAGE_WINDOW, "Neuronaler Stil: Erkunden …")
    screen.wait_for_window(EXPLORE)
    screen.wait_for_rest()
    dialog = read_out(screen, EXPLORE, "explore-read-out", german.gimp.version)
    screen.photograph("explore-german", EXPLORE)
    screen.read_out("press", EXPLORE, "Abbrechen")
    screen.wait_for(lambda: not screen.windows(EXPLORE), "the end of the dialog")

    assert not nameless(dialog)
    shown = {entry["name"] for entry in dialog}
    assert {"Bogen", "Schnell", "Größe"} <= shown
    assert any(name.startswith("Jedes Bild begann als Rauschen") for name in shown)
