"""The libraries of a PyTorch for GPUs that nothing needs once another build has replaced it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path

from impasto_shared.installation.torch_build import is_of_a_gpu

_NAME = re.compile(r"[\w.-]+")
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from impasto_shared.installation.unneeded import main
main()
"""


def unneeded(requirements: Mapping[str, Iterable[str]]) -> list[str]:
    """Returns the libraries for GPUs that no other package requires, directly or by others.

    requirements: the names of what each installed package requires, whatever the system.
    """
    needed: set[str] = set()
    new = {name for name in requirements if not is_of_a_gpu(name)}
    while new:
        needed |= new
        new = {each for name in new for each in requirements.get(name, ())} - needed
    return sorted(name for name in requirements if name not in needed)


def installed_requirements() -> dict[str, set[str]]:
    """Returns the names of what each package in this environment requires."""
    return {
        _normal(each.metadata["Name"]): {_normal(line) for line in each.requires or ()}
        for each in distributions()
        if each.metadata["Name"]  # a removed package may have left a folder without
    }


def listing_of(python: Path) -> list[str]:
    """Returns the command that prints the unneeded packages of an environment, by its Python."""
    return [str(python), "-I", "-B", "-c", _PROGRAM, str(Path(__file__).parents[2])]


def main() -> None:
    """Prints the names of the unneeded packages in the environment of this Python."""
    sys.stdout.writelines(f"{name}\n" for name in unneeded(installed_requirements()))


def _normal(requirement: str) -> str:
    """Returns the name in a requirement, spelt as an index has it."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[0] if match else requirement).lower()
