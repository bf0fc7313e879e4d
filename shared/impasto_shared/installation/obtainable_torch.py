"""The PyTorch that can be had, which only uv knows: asked once, for the setup and the plug-in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto_shared.installation.pins import CONSTRAINTS
from impasto_shared.installation.torch_build import Build, has_gpu, is_of_a_gpu

Ask = Callable[[Sequence[str], Mapping[str, str]], "list[str] | None"]
"""Runs a command with more variables; returns the lines that it prints, None if it fails."""

_INSTALLED_LINE = re.compile(r" [+~] ([\w.-]+)==")
# PyTorch's own index may be out of reach for good; the usual one is next.
_ONE_TRY = {"UV_HTTP_RETRIES": "1"}


@dataclass(frozen=True)
class Torch:
    """The PyTorch that can be had: the arguments with which uv installs it, and its build.

    Without arguments it is that of the usual index, or of the folders in UV_FIND_LINKS.
    build: None if uv does not say it.
    """

    arguments: tuple[str, ...]
    build: Build | None


def obtainable_torch(uv: str, wish: Build, python: Path, ask: Ask) -> Torch | None:
    """Returns the PyTorch to install for a wish, which uv looks for; None if no index answers.

    PyTorch's own index has every build. It may be out of reach, or unknown to this uv.
    """
    backend = own_index_for(wish)
    if backend is not None:
        lines = ask(question_to(uv, python, backend), _ONE_TRY)
        if lines is not None:
            return Torch((f"--torch-backend={backend}",), build_in(lines))
    lines = ask(question_to(uv, python, None), {})
    return None if lines is None else Torch((), build_in(lines))


def own_index_for(build: Build) -> str | None:
    """Returns uv's name for PyTorch's own index of this build, or None for the usual index.

    For a GPU that is not there, uv would choose the build for processors.
    """
    if build is Build.CPU:
        return "cpu"
    return "auto" if has_gpu() else None


def question_to(uv: str, python: Path, backend: str | None) -> list[str]:
    """Returns the command with which uv says what it would install for PyTorch; see `build_in`.

    It fails if PyTorch's own index, or without a backend the usual one, cannot be reached.
    """
    # Reinstalled: else it would not name what is there already.
    install = [uv, "pip", "install", "--dry-run", "--reinstall", "--color", "never"]
    chosen = [] if backend is None else [f"--torch-backend={backend}"]
    place = ["--python", str(python), "--constraints", str(CONSTRAINTS)]
    return [*install, *chosen, *place, "torch"]


def build_in(lines: Sequence[str]) -> Build | None:
    """Returns the build that uv would install, by the lines that it has printed.

    None if these do not name PyTorch: another uv may print others.
    """
    matches = (_INSTALLED_LINE.match(line) for line in lines)
    names = {match[1] for match in matches if match}
    if "torch" not in names:
        return None
    return Build.GPU if any(is_of_a_gpu(name) for name in names) else Build.CPU
