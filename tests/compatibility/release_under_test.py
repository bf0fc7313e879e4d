"""The previous release, as its wheel in `releases`; RELEASING.md says how it is renewed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
# One file: test_one_release_is_stored.
(WHEEL,) = (HERE / "releases").glob("*.whl")
VERSION = WHEEL.name.split("-")[1]


def unpack_release(folder: Path) -> Mapping[str, str]:
    """Unpacks the wheel into `folder`; returns the variables with which Python imports it."""
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(folder)
    return {"PYTHONPATH": str(folder)}


def run_script(name: str, *arguments: str, variables: Mapping[str, str]) -> str:
    """Returns what a script of this folder prints, run with other packages of Impasto."""
    command = [sys.executable, "-P", str(HERE / name), *arguments]
    completed = subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout
