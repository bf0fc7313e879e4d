"""Fixtures: the tests run once for each GIMP that is required or available."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gimp.gimps import KNOWN_VERSIONS, Gimp, Home, find_gimp
from gimp.images import write_images

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


@contextmanager
def prepared_home(gimp: Gimp, **options: Any) -> Iterator[Home]:
    """Makes a home folder, and removes it when the context ends."""
    # Not pytest's own folder: /tmp is seen by the root, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="impasto-", dir="/tmp") as folder:
        home = Home(gimp, Path(folder), **options)
        home.prepare()
        write_images(home.folder)
        yield home
