"""A folder of wheels in place of a package index: Impasto's own, and empty ones for its packages.

The real ones are gigabytes, which a test must not download.
"""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from build_release import ROOT


def write_stub(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str] | None = None,
    *,
    requires: Sequence[str] = (),
) -> Path:
    """Writes a wheel with nothing but some files, and returns it."""
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    info = f"{name}-{version}.dist-info"
    contents = {
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*contents, f"{info}/RECORD"))
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return wheel


def write_stubs_of_requirements(folder: Path) -> list[Path]:
    """Writes an empty wheel for each package that Impasto requires, of its oldest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wheels = []
    for requirement in project["dependencies"]:
        name, _, version = re.split(r"([>=]=)", requirement)
        wheels.append(write_stub(folder, name, version))
    return wheels
