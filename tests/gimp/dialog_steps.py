"""The steps that the tests take in GIMP's windows, by keys, and the titles of those windows."""

from __future__ import annotations

from pathlib import Path

from gimp.gimps import Home
from gimp.screen import Screen
from gimp.scripted_daemon import Behaviour
from impasto_gimp.arguments.explore_arguments import SHEET_LABELS
from impasto_gimp.arguments.procedure_arguments import (
    ADVANCED_LABEL,
    GALLERY_LABEL,
    LABELS,
    STYLE_LABEL,
)

IMAGE_WINDOW = " GIMP$"
DIALOG = "^Neural Style$"
SUGGESTION = "^Neural Style: Suggested Regions$"
VARIATIONS = "^Neural Style: Variations$"
PROGRESS_WINDOW = "^Neural Style: Background"
FILE_DIALOG = "^Choose a Style Image$"
ERROR_BOX = "^GIMP Message$"
SAVED = "batch.shown_state()"
UNTOUCHED = [1, False]
REMEMBERED = (
    "[bytes(layer.get_parasite('impasto-neural-style').get_data()).decode()"
    " for layer in batch.shown_layers()[:-1]]"
)


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
