"""Builds the files of a release: the wheel, the plug-in as a zip, their bill of materials.

`python release/build_release.py FOLDER [--index ADDRESS] [--environment PYTHON]`. RELEASING.md says
when. The same
sources give the same bytes, whenever and wherever they are built.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = "impasto-gimp"
CHECKSUMS = "SHA256SUMS"
# As impasto_shared/installation/package_index.py reads it.
_INDEX = "impasto_shared/installation/index.txt"
# As in the wheel: the oldest date that build tools agree on.
_DATE = (2020, 2, 2, 0, 0, 0)
# GIMP starts the plug-in as a program.
_PROGRAM, _FILE = 0o100755, 0o100644


def version() -> str:
    """Returns the version of the sources."""
    text = (ROOT / "shared/impasto_shared/__init__.py").read_text()
    number: str = re.findall(r'^__version__ = "(.*)"$', text, re.MULTILINE)[0]
    return number


def check_has_only_this_version(folder: Path) -> None:
    """Raises SystemExit if the folder has other files, which would be in its checksums."""
    this_version = re.compile(rf"-{re.escape(version())}[-.](?!\d)")
    names = sorted(path.name for path in folder.iterdir() if path.name != CHECKSUMS)
    other = [name for name in names if not this_version.search(name)]
    if other:
        raise SystemExit(
            f"{folder} has files that are not of version {version()}: {', '.join(other)}. "
            "Remove them, or name another folder."
        )


def build_wheel(folder: Path) -> Path:
    """Builds the wheel of the daemon and the command line into `folder`, and returns it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed
    if built.returncode:
        raise SystemExit(f"The wheel cannot be built:\n{built.stdout}{built.stderr}")
    return folder / f"impasto-{version()}-py3-none-any.whl"


def build_plugin_zip(folder: Path, index: str | None = None) -> Path:
    """Packs the plug-in, to be unpacked in GIMP's folder of plug-ins, and returns the zip.

    index: the address of the package index from which it installs the daemon.
    """
    target = folder / f"{PLUGIN}-{version()}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(plugin_files()):
            archive.writestr(_entry(name), path.read_bytes())
        if index is not None:
            archive.writestr(_entry(_INDEX), f"{index}\n")
    return target


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{PLUGIN}/{name}", _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, which has permissions
    entry.external_attr = (_PROGRAM if name == f"{PLUGIN}.py" else _FILE) << 16
    return entry


def plugin_files() -> Iterator[tuple[str, Path]]:
    """Yields the files of the plug-in, each by its name in the plug-in's folder.

    They are those that the setup installs, and the licence.
    """
    yield f"{PLUGIN}.py", ROOT / f"gimp_plugin/{PLUGIN}.py"
    yield "LICENSE", ROOT / "LICENSE"
    for package in ("gimp_plugin/impasto_gimp", "shared/impasto_shared", "assets/styles"):
        folder = ROOT / package
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(folder.parent)), path


def write_bill_of_materials(folder: Path, python: str) -> Path:
    """Writes the CycloneDX bill of materials of an environment, and returns its file.

    python: the interpreter of an environment in which nothing but the wheel is installed.
    """
    target = folder / f"impasto-{version()}.cdx.json"
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible"]
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *options, "-o", str(target)]
    subprocess.run([*command, python], cwd=ROOT, check=True)  # noqa: S603 - a path
    return target


def write_checksums(folder: Path) -> Path:
    """Writes the SHA-256 of every other file of the folder, for `sha256sum -c`."""
    target = folder / CHECKSUMS
    files = sorted(path for path in folder.iterdir() if path.is_file() and path != target)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    target.write_text("".join(lines))
    return target


def main(arguments: Sequence[str] | None = None) -> None:
    """Builds everything into a folder, new or with files of this version, and prints the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    help_ = "write the bill of materials, too, of the environment with this Python"
    parser.add_argument("--environment", metavar="PYTHON", help=help_)
    help_ = "the package index with this release, from which the plug-in installs the daemon"
    parser.add_argument("--index", metavar="ADDRESS", help=help_)
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    check_has_only_this_version(folder)
    files = [build_wheel(folder), build_plugin_zip(folder, options.index)]
    if options.environment:
        files.append(write_bill_of_materials(folder, options.environment))
    for path in [*files, write_checksums(folder)]:
        print(path)


if __name__ == "__main__":
    main()
