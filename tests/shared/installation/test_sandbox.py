"""The sandbox that this GIMP is in, by its variables."""

from __future__ import annotations

import pytest

from impasto_shared import __version__
from impasto_shared.installation.sandbox import command_outside, is_in_sandbox


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


def test_line_to_run_outside_names_index_and_version_but_no_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPASTO_INDEX", "https://user:secret@packages.example/simple")

    assert command_outside() == (
        "uv tool install --torch-backend=auto --default-index https://packages.example/simple "
        f"impasto=={__version__} && impasto setup --service"
    )


def test_line_to_run_outside_leaves_the_index_to_uv_if_none_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("IMPASTO_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)

    assert f"--torch-backend=auto impasto=={__version__} " in command_outside()
