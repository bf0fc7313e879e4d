"""Fixtures: the tests run once for each GIMP that is required or available."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gimp.dialog_steps import IMAGE_WINDOW
from gimp.gimps import KNOWN_VERSIONS, REPOSITORY, Gimp, Home, find_gimp
from gimp.images import write_images
from gimp.screen import Screen

REQUIRED = tuple(os.environ.get("IMPASTO_REQUIRE_GIMP", "").split())


@pytest.fixture(scope="module", params=REQUIRED or KNOWN_VERSIONS)
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    """A home folder with the plug-in, for one version of GIMP.

    Each module has its own: dialogs begin with what was chosen in the last one.
    """
    version: str = request.param
    gimp = find_gimp(version)
    if gimp is None:
        reason = (
            f"GIMP {version} is neither installed nor made by tests/gimp/gimp_root.sh {version}."
        )
        if REQUIRED:
            pytest.fail(f"IMPASTO_REQUIRE_GIMP asks for it, but {reason}")
        pytest.skip(reason)
    with prepared_home(gimp) as home:
        yield home


@pytest.fixture
def fresh_home(home: Home) -> Iterator[Home]:
    """A second home folder for the same GIMP, in which no daemon has run."""
    with prepared_home(home.gimp) as fresh_home:
        yield fresh_home


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


@contextmanager
def prepared_home(gimp: Gimp, **options: Any) -> Iterator[Home]:
    """Makes a home folder, and removes it when the context ends."""
    # Not pytest's own folder: /tmp is seen by the root, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="impasto-", dir="/tmp") as folder:
        home = Home(gimp, Path(folder), **options)
        home.prepare()
        write_images(home.folder)
        yield home
