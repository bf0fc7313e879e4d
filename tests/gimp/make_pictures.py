"""Makes the pictures of README and docs/gimp.md: what the daemon paints, and GIMP as it shows it.

Run by hand after a change that shows, where tests/gimp/gimp_root.sh 3.2 has made a GIMP:
PYTHONPATH=shared:daemon:gimp_plugin:tests .venv/bin/python tests/gimp/make_pictures.py
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image

from gimp.dialog_steps import (
    DIALOG,
    IMAGE_WINDOW,
    PROGRESS_WINDOW,
    SUGGESTION,
    VARIATIONS,
    choose_painting,
    key_of,
    open_dialog,
)
from gimp.gimps import REPOSITORY, Home, find_gimp
from gimp.images import write_images
from gimp.screen import Screen
from gimp.test_results import RESULTS, open_results
from impasto_daemon.commands.image_file import read_image
from impasto_gimp.arguments.procedure_arguments import REGION_LABEL, VARIATIONS_LABEL
from impasto_shared.client import Client
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess

PICTURES = REPOSITORY / "docs/pictures"
PAINTINGS = (
    ("chelsea", "auvers"),
    ("summer_palace", "poppies"),
    ("astronaut", "composition_viii"),
    ("summer_palace", "great_wave"),
    ("coffee", "composition_viii"),
    ("chelsea", "summertime"),
)
PAINTED_SIZE_PX = 640
SPLIT = "summer_palace"
# The sky and the palace in the picture of the dialog.
SPLIT_POINTS_PX = ((300, 120), (150, 190))
# The regions have arrived by then.
SPLIT_S = 60.0
JPEG_QUALITY = 88
IN_GIMP = "coffee"
SHOWN_WIDTH_PX = 640
PATIENCE_S = 300.0
# From this share of the evaluations on, the strokes can be seen.
WATCHED_FROM = 0.3
# The draft of the preview is painted by then.
DRAFTED_S = 25.0
# Nine drafts of 256 pixels are painted by then.
VARIED_S = 75.0


def paint(daemon: DaemonProcess, photo: str, painting: str) -> None:
    """Writes PHOTO_PAINTING.jpg, painted with the default settings except for the size."""
    content = read_image(REPOSITORY / f"assets/photos/{photo}.jpg")
    style = read_image(REPOSITORY / f"assets/styles/{painting}.jpg")
    with daemon.client() as client:
        job = client.submit(content, [Style(style)], StyleSettings(size=PAINTED_SIZE_PX))
        for _ in client.updates(job):
            pass
        result = client.fetch(job)
    picture = Image.frombytes("RGB", (result.width, result.height), result.pixels)
    picture.save(PICTURES / f"{photo}_{painting}.jpg", quality=JPEG_QUALITY)


def wait_for_forecasts(daemon: DaemonProcess) -> None:
    """Waits until the daemon has measured how fast this machine paints."""
    deadline_s = time.monotonic() + PATIENCE_S
    with daemon.client() as client:
        while (forecast := client.forecast(StyleSettings(), 256, 256)) is not None:
            if forecast.painting_s is not None:
                return
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"no forecast within {PATIENCE_S:.0f} s")
            time.sleep(1)


def wait_for_strokes(daemon: DaemonProcess) -> None:
    """Waits until the picture that is being painted shows the painting's strokes."""
    deadline_s = time.monotonic() + PATIENCE_S
    with daemon.client() as client:
        while not any(0 < WATCHED_FROM * job.steps <= job.step for job in running(client)):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"no strokes within {PATIENCE_S:.0f} s")
            time.sleep(0.2)


def running(client: Client) -> list[JobReport]:
    """Returns the jobs that are being painted."""
    return [job for job in client.jobs() if job.state is JobState.RUNNING]


def photograph_gimp(home: Home, daemon: DaemonProcess, folder: Path) -> None:
    """Takes dialog, progress window and painted layer of a real GIMP with the real daemon."""
    file = shutil.copy(REPOSITORY / f"assets/photos/{IN_GIMP}.jpg", home.folder)
    home.remembered_preview.parent.mkdir(exist_ok=True)
    home.remembered_preview.write_text("on")
    with Screen(home, folder) as screen:
        screen.ask(f"batch.open_window({file!r})")
        screen.wait_for_window(IMAGE_WINDOW)
        screen.enlarge(IMAGE_WINDOW)
        open_dialog(screen)
        choose_painting(screen, "Home")  # the first one
        time.sleep(DRAFTED_S)
        screen.photograph("dialog", DIALOG)
        screen.press(key_of(VARIATIONS_LABEL))
        screen.wait_for_window(VARIATIONS)
        time.sleep(VARIED_S)
        screen.photograph("variations", VARIATIONS)
        screen.press("Escape")
        screen.wait_for_window(DIALOG)
        screen.press("alt+o")
        screen.wait_for_window(PROGRESS_WINDOW)
        wait_for_strokes(daemon)
        time.sleep(1)  # for GIMP to show them
        screen.photograph("progress-window", PROGRESS_WINDOW)
        screen.photograph("watched")
        deadline_s = time.monotonic() + PATIENCE_S
        while screen.ask("len(batch.shown_layers())") < 2:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"no painting within {PATIENCE_S:.0f} s")
            time.sleep(1)
        time.sleep(1)  # GIMP draws the new layer's thumbnail when it has nothing else to do
        screen.photograph("painted")
        open_results(screen)
        screen.wait_for_rest()
        screen.photograph("results", RESULTS)


def photograph_suggestion(home: Home, folder: Path) -> None:
    """Takes the regions that the real daemon suggests, two of them with a painting."""
    file = shutil.copy(REPOSITORY / f"assets/photos/{SPLIT}.jpg", home.folder)
    with Screen(home, folder) as screen:
        screen.ask(f"batch.open_window({file!r})")
        screen.wait_for_window(IMAGE_WINDOW)
        open_dialog(screen)
        choose_painting(screen, "Home")
        screen.press(key_of(REGION_LABEL), "Tab", "space")
        screen.wait_for_window(SUGGESTION)
        time.sleep(SPLIT_S)
        for point, keys in zip(SPLIT_POINTS_PX, (("Home", "Right"), ("Home",)), strict=True):
            screen.click_in(SUGGESTION, *point)
            screen.press("alt+p", *keys, "space")
        screen.photograph("suggestion", SUGGESTION)


def keep(picture: Image.Image, name: str) -> None:
    """Writes a screenshot with 256 colours, which is a third of the size."""
    picture.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(PICTURES / name)


def shown(folder: Path, name: str) -> Image.Image:
    """Saves a screenshot at half its size."""
    picture = Image.open(folder / name).convert("RGB")
    height = round(picture.height * SHOWN_WIDTH_PX / picture.width)
    return picture.resize((SHOWN_WIDTH_PX, height), Image.Resampling.LANCZOS)


def main() -> None:
    """Makes all pictures."""
    gimp = find_gimp("3.2")
    if gimp is None:
        raise SystemExit("There is no GIMP 3.2; make one with tests/gimp/gimp_root.sh 3.2")
    with tempfile.TemporaryDirectory(prefix="impasto-", dir="/tmp") as name:
        home = Home(gimp, Path(name))
        home.prepare()
        write_images(home.folder)
        with DaemonProcess(home.endpoint, knows_pace=False) as daemon:
            wait_for_forecasts(daemon)
            for photo, painting in PAINTINGS:
                paint(daemon, photo, painting)
            photograph_gimp(home, daemon, home.folder / "screens")
            photograph_suggestion(home, home.folder / "screens")
        screens = home.folder / "screens"
        keep(Image.open(screens / "dialog-3.2.png"), "dialog.png")
        keep(shown(screens, "painted-3.2.png"), "layers.png")
        keep(Image.open(screens / "progress-window-3.2.png"), "progress-window.png")
        keep(Image.open(screens / "variations-3.2.png"), "variations.png")
        keep(Image.open(screens / "results-3.2.png"), "results.png")
        keep(Image.open(screens / "suggestion-3.2.png"), "suggestion.png")
        both = Image.new("RGB", (2 * SHOWN_WIDTH_PX, shown(screens, "watched-3.2.png").height))
        both.paste(shown(screens, "watched-3.2.png"), (0, 0))
        both.paste(shown(screens, "painted-3.2.png"), (SHOWN_WIDTH_PX, 0))
        keep(both, "gimp.png")


if __name__ == "__main__":
    main()
