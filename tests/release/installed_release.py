"""The built files, installed as a user would, but for the packages that Impasto needs.

These are those of the environment of the tests: PyTorch alone is a download of gigabytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path


def install_wheel(wheel: Path, environment: Path) -> Path:
    """Installs the wheel into a new environment, and returns its Python."""
    venv.create(environment, symlinks=True)
    python = environment / "bin/python"
    command = [
        uv_program(),
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--python",
        str(python),
    ]
    subprocess.run([*command, str(wheel)], check=True)
    (site_packages,) = (environment / "lib").glob("python3*/site-packages")
    # Not as in an environment of its own, Python does not read the .pth files there, by which the
    # sources would be found.
    paths = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (site_packages / "packages_of_the_tests.pth").write_text("\n".join(paths))
    return python


def uv_program() -> str:
    """Returns the path of uv."""
    folders = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    uv = shutil.which("uv", path=folders)
    assert uv, "install.sh puts uv into the environment of the tests if the machine has none"
    return str(Path(uv).absolute())


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a zip with the permissions of its files, as unzip and file managers do."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            Path(opened.extract(entry, folder)).chmod(entry.external_attr >> 16 & 0o777)
