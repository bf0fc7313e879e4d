"""A home folder with GIMP from Flatpak, and the plug-in installed by the setup."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from flatpak.sandboxed_gimp import Home, missing_part


@pytest.fixture
def home() -> Iterator[Home]:
    if reason := missing_part():
        if os.environ.get("IMPASTO_REQUIRE_FLATPAK"):
            pytest.fail(f"IMPASTO_REQUIRE_FLATPAK asks for Flatpak, but {reason}")
        pytest.skip(reason)
    with Home() as home:
        installed = home.run(*home.impasto("setup"))
        assert installed.returncode == 0, installed.stderr
        yield home
