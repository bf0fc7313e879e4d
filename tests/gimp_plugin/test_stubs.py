"""The plug-in is type-checked against the stubs of each GIMP: a changed API is a type error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("version", ["3.0", "3.2"])
def test_function_that_gimp_no_longer_has_is_a_type_error(tmp_path: Path, version: str) -> None:
    shutil.copytree(ROOT / f"typings/gimp-{version}", tmp_path / "stubs")
    stub = tmp_path / "stubs/gi/repository/Gimp.pyi"
    stub.write_text(stub.read_text().replace("def undo_group_start(", "def start_undo_group("))

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", tmp_path / "cache", "-p", "impasto_gimp"],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(tmp_path / "stubs")},
        capture_output=True,
        text=True,
    )

    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [error.partition(": error: ")[2] for error in errors] == [
        '"Image" has no attribute "undo_group_start"  [attr-defined]'
    ]
