"""Pins the versions that an installation gets, with the hashes of their files.

`python release/pin_versions.py` writes the newest ones that fit into the constraints;
`--check` asks the index whether those that are there can still be installed, and downloads nothing.

PyTorch and torchvision are pinned by version alone, and what belongs to a build of PyTorch (CUDA's
libraries, Triton) not at all: each build has files, and so hashes, of its own under one version.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from impasto_shared.installation.torch_build import is_of_a_gpu

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "shared/impasto_shared/installation/constraints.txt"
PYTHONS = ("3.11", "3.12", "3.13")
_UV = str(Path(sys.executable).with_name("uv"))
_BY_VERSION = ("torch", "torchvision")
_HEAD = """\
# The versions that an installation gets, with the hashes of their files. Written by
# release/pin_versions.py, which says why some have none.
"""


def pinned(compiled: str) -> str:
    """Returns the constraints for what uv has resolved: one entry for each package and version."""
    entries = re.split(r"\n(?=\S)", compiled.strip())
    return _HEAD + "".join(f"{line}\n" for entry in entries for line in _lines_of(entry))


def _lines_of(entry: str) -> list[str]:
    """Returns the lines of a package: all, the first one without hashes, or none."""
    lines = entry.splitlines()
    name = re.split(r"[ =<>;]", lines[0])[0]
    if is_of_a_gpu(name):
        return []
    return [lines[0].removesuffix("\\").rstrip()] if name in _BY_VERSION else lines


def resolved(*options: str) -> str:
    """Returns what uv resolves for every system and Python, of Impasto and of uv itself."""
    plain = ["--no-header", "--no-annotate", "--no-emit-index-url", "--quiet", *options]
    every = ["--universal", "--python-version", PYTHONS[0], "--generate-hashes"]
    command = [_UV, "pip", "compile", *every, *plain, str(ROOT / "pyproject.toml"), "-"]
    done = subprocess.run(  # noqa: S603 - fixed
        command, input="uv\n", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"The versions cannot be resolved:\n{done.stderr}")
    return done.stdout


def hashes_in(constraints: str) -> dict[str, set[str]]:
    """Returns the hashes of each package and version, such as `rich==15.0.0`."""
    entries = re.split(r"\n(?=\w)", constraints)
    pins = ((re.match(r"[\w.-]+==[\w.]+", entry), entry) for entry in entries)
    return {pin[0]: {*re.findall(r"sha256:\w+", entry)} for pin, entry in pins if pin}


def check(constraints: Path = CONSTRAINTS) -> None:
    """Raises SystemExit unless the index has the pinned files, and uv would install them."""
    in_index = hashes_in(resolved("--constraints", str(constraints)))
    for name, hashes in hashes_in(constraints.read_text()).items():
        if name in in_index and not hashes <= in_index[name]:
            raise SystemExit(f"The index has other files of {name} than were pinned. Find out why.")
    for python in PYTHONS:
        with tempfile.TemporaryDirectory() as folder:
            where = ["--target", folder, "--python-version", python, "--only-binary", ":all:"]
            command = [_UV, "pip", "install", "--dry-run", "--quiet", *where]
            what = ["--constraints", str(constraints), "-r", str(ROOT / "pyproject.toml")]
            if subprocess.run([*command, *what], check=False).returncode:  # noqa: S603 - fixed
                raise SystemExit(
                    f"The pinned versions cannot be installed with Python {python} (see above). "
                    "Pin them again: python release/pin_versions.py"
                )


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes or checks the constraints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    if parser.parse_args(arguments).check:
        check()
    else:
        CONSTRAINTS.write_text(pinned(resolved("--upgrade")))


if __name__ == "__main__":
    main()
