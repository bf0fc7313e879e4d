"""The plug-in's zip in a GIMP without a daemon: *Install…* brings one, from a loopback index."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from build_release import build_plugin_zip
from gimp.conftest import REQUIRED
from gimp.gimps import KNOWN_VERSIONS, REPOSITORY, Home, find_gimp
from gimp.screen import Screen
from impasto_shared import __version__
from impasto_shared.installation.pins import pin_of
from integration.loopback_index import LoopbackIndex, index_of
from release.installed_release import unpack
from release.stub_wheels import write_stub

pytestmark = pytest.mark.gimp

IMAGE_WINDOW = " GIMP$"
DIALOG = "^Neural Style$"
WINDOW = "^Install Impasto's Daemon$"
# It makes an environment whose program is a scripted daemon, and waits at a file named hold.
# Without PyTorch's own index it has the build for GPUs.
UV = """#!/bin/sh
case "$*" in
    venv*)
        for folder; do :; done
        mkdir -p "$folder/bin" && ln -sf /usr/bin/python3 "$folder/bin/python" ;;
    *--dry-run*--torch-backend=*) [ -e "{home}/torch-index" ] && echo " + torch==2.15.0" ;;
    *--dry-run*) echo " + torch==2.15.0"; echo " + nvidia-cublas==13.4" ;;
    *install*)
        echo "Downloading torch (190.7MiB)"
        echo " Downloaded torch"
        while [ -e "{home}/hold" ]; do sleep 0.1; done
        cp "{home}/impasto" "${{4%/python}}/impasto" ;;
esac
"""


@dataclass(frozen=True)
class BareHome(Home):
    """A home folder with the plug-in from its zip, and no daemon."""

    index: str = ""
    is_in_flatpak: bool = False

    def environment(self) -> dict[str, str]:
        variables = super().environment() | {"IMPASTO_INDEX": self.index}
        del variables["IMPASTO_COMMAND"]
        return variables | ({"FLATPAK_ID": "org.gimp.GIMP"} if self.is_in_flatpak else {})

    @property
    def program(self) -> Path:
        return self.folder / ".local/share/impasto/venv/bin/impasto"

    def put_plugin_from_zip(self, wheels: Path) -> None:
        """Replaces the plug-in by the one from the zip, which pins the uv of this test."""
        shutil.rmtree(self.plugin)
        unpack(build_plugin_zip(wheels), self.plugin.parent)
        pin = pin_of("uv")
        name = f"uv-{pin.version}.data/scripts/uv"
        uv = write_stub(wheels, "uv", pin.version, {name: UV.format(home=self.folder)})
        uv = uv.rename(wheels / f"uv-{pin.version}-py3-none-manylinux_2_17_x86_64.whl")
        digest = hashlib.sha256(uv.read_bytes()).hexdigest()
        constraints = self.plugin / "impasto_shared/installation/constraints.txt"
        entry = f"uv=={pin.version} \\\n    --hash=sha256:{digest}\n"
        text = re.sub(r"(?m)^uv==(.|\n)*\Z", lambda _: entry, constraints.read_text())
        constraints.write_text(text)


@contextmanager
def bare_home(
    version: str, index: LoopbackIndex, wheels: Path, *, is_in_flatpak: bool = False
) -> Iterator[BareHome]:
    gimp = find_gimp(version)
    if gimp is None:
        if version in REQUIRED:
            pytest.fail(f"IMPASTO_REQUIRE_GIMP asks for GIMP {version}, which is not there")
        pytest.skip(f"GIMP {version} is not there")
    with tempfile.TemporaryDirectory(prefix="impasto-", dir="/tmp") as folder:
        place = Path(folder)
        home = BareHome(
            *(gimp, place),
            has_screen_reader=True,
            index=index.address,
            is_in_flatpak=is_in_flatpak,
        )
        home.prepare()
        home.put_plugin_from_zip(wheels)
        yield home


@contextmanager
def open_dialog(home: BareHome) -> Iterator[Screen]:
    """Opens GIMP with a photo, and the dialog of the filter."""
    photo = shutil.copy(REPOSITORY / "assets/photos/astronaut.jpg", home.folder)
    with Screen(home, REPOSITORY / "test-output/screens") as screen:
        screen.ask(f"batch.open_window({photo!r})")
        screen.wait_for_window(IMAGE_WINDOW)
        screen.ask("batch.select_something()")
        screen.press_until_open(DIALOG, "alt+r", "a", "n")
        yield screen


def press(screen: Screen, title: str, name: str) -> None:
    screen.read_out("press", title, name)


def texts(screen: Screen, title: str = WINDOW) -> str:
    return json.dumps(screen.read_out("dump", title), ensure_ascii=False)


def wait_for_text(screen: Screen, text: str) -> None:
    screen.wait_for(lambda: text in texts(screen), f"the text {text!r}")


@pytest.mark.parametrize("version", REQUIRED or KNOWN_VERSIONS)
def test_daemon_is_installed_from_the_dialog_and_paints(version: str, tmp_path: Path) -> None:
    with index_of(tmp_path) as index, bare_home(version, index, tmp_path) as home:
        (home.folder / "hold").touch()
        index.breaks_after = 100
        with open_dialog(home) as screen:
            press(screen, DIALOG, "Install…")
            screen.wait_for_window(WINDOW)
            wait_for_text(screen, "About 400 MB are downloaded from 127.0.0.1")
            wait_for_text(screen, f"{home.folder}/.local/share/impasto")
            screen.photograph("installation-before", WINDOW)

            press(screen, WINDOW, "Install")
            wait_for_text(screen, "Another try continues where it stopped")
            press(screen, WINDOW, "Install")
            wait_for_text(screen, "The general build can be installed instead")
            wait_for_text(screen, "About 3 GB are downloaded")
            screen.photograph("installation-general", WINDOW)

            press(screen, WINDOW, "Install")
            wait_for_text(screen, "Downloading and installing PyTorch")
            screen.photograph("installation-progress", WINDOW)
            press(screen, WINDOW, "Cancel")
            wait_for_text(screen, "What was downloaded stays")
            assert not home.program.exists()
            screen.photograph("installation-cancelled", WINDOW)

            (home.folder / "hold").unlink()
            press(screen, WINDOW, "Install")
            wait_for_text(screen, "Installed. Close this window")
            screen.photograph("installation-done", WINDOW)
            press(screen, WINDOW, "Close")
            screen.wait_for(lambda: not screen.windows(WINDOW), "the end of the window")
            screen.wait_for_window(DIALOG)
            log = (home.folder / ".local/state/impasto/install.log").read_text()
            assert "Downloading torch" in log
            screen.press("alt+o")
            screen.wait_for(lambda: screen.ask("batch.shown_state()") == [2, True], "a new layer")
    assert [begin for path, begin in index.requests if "/files/uv-" in path] == ["", "bytes=100-"]


def test_sandbox_shows_the_line_to_run_outside(tmp_path: Path) -> None:
    version = (REQUIRED or KNOWN_VERSIONS)[-1]
    with (
        index_of(tmp_path) as index,
        bare_home(version, index, tmp_path, is_in_flatpak=True) as home,
        open_dialog(home) as screen,
    ):
        press(screen, DIALOG, "Install…")
        screen.wait_for_window(WINDOW)
        wait_for_text(screen, f" impasto=={__version__} && impasto setup --service")
        screen.photograph("installation-sandbox", WINDOW)
        press(screen, WINDOW, "Copy")
        press(screen, WINDOW, "Close")
        screen.wait_for(lambda: not screen.windows(WINDOW), "the end of the window")
    assert index.requests == []
