"""The pinned versions: what they are for, and what they leave out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import pin_versions
from build_release import ROOT
from pin_versions import CONSTRAINTS, hashes_in, pinned

COMPILED = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
nvidia-cublas==13.4.1.3 ; sys_platform == 'linux' \\
    --hash=sha256:dd
torch==2.15.0 \\
    --hash=sha256:ee
triton==3.9.0 ; sys_platform == 'linux' \\
    --hash=sha256:ff
"""


def test_what_belongs_to_a_build_of_pytorch_is_not_pinned_by_its_files() -> None:
    text = pinned(COMPILED)

    assert hashes_in(text) == {
        "numpy==2.4.6": {"sha256:aa", "sha256:bb"},
        "numpy==2.5.5": {"sha256:cc"},
        "torch==2.15.0": set(),
    }
    assert "\ntorch==2.15.0\n" in text
    assert pinned(COMPILED).count("python_full_version") == 2


def test_every_requirement_is_pinned_with_hashes_and_without_an_index() -> None:
    text = CONSTRAINTS.read_text()
    pins = hashes_in(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[>=]", requirement)[0] for requirement in project["dependencies"]}

    assert {*required, "uv"} <= {name.partition("==")[0] for name in pins}
    without = {name.partition("==")[0] for name, hashes in pins.items() if not hashes}
    assert without == {"torch", "torchvision"}
    assert "://" not in text
    assert "--index" not in text


def test_files_that_the_index_does_not_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pin_versions, "resolved", lambda *_: "rich==15.0.0 \\\n --hash=sha256:aa\n")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("rich==15.0.0 \\\n    --hash=sha256:bb\n")

    with pytest.raises(SystemExit, match=r"other files of rich==15\.0\.0"):
        pin_versions.check(constraints)
