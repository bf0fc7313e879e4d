"""The versions to install, with the hashes of their files; release/pin_versions.py writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CONSTRAINTS = Path(__file__).with_name("constraints.txt")


@dataclass(frozen=True)
class Pin:
    """A version of a package, and the SHA-256 of each of its files."""

    name: str
    version: str
    hashes: frozenset[str]

    @property
    def requirement(self) -> str:
        """The line for it in a file of requirements."""
        options = (f"--hash=sha256:{digest}" for digest in sorted(self.hashes))
        return " ".join((f"{self.name}=={self.version}", *options))


def pin_of(name: str) -> Pin:
    """Returns the version of a package that all systems get."""
    entries = re.split(r"\n(?=\w)", CONSTRAINTS.read_text(encoding="ascii"))
    entry = next(entry for entry in entries if entry.startswith(f"{name}=="))
    version = entry.removeprefix(f"{name}==").split()[0]
    return Pin(name, version, frozenset(re.findall(r"sha256:(\w+)", entry)))
