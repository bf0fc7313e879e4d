"""The sandbox that this GIMP is in, by its variables."""

from __future__ import annotations

import pytest

from impasto_shared.installation.sandbox import is_in_sandbox


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"SNAP": "/snap/gimp/525", "SNAP_NAME": "gimp"}, True),
        ({"SNAP": "/snap/code/190", "SNAP_NAME": "code"}, False),  # GIMP started in its terminal
        ({"FLATPAK_ID": "org.gimp.GIMP"}, True),
    ],
)
def test_sandbox_is_that_of_gimp(
    variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SNAP", "SNAP_NAME", "FLATPAK_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert is_in_sandbox() is expected
