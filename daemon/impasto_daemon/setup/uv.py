"""The program uv, which fills environments, and the build of PyTorch that it is told to install."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.programs import output_of, printed_lines, run, run_quietly, succeeds
from impasto_shared.installation.environment import Environment
from impasto_shared.installation.obtainable_torch import Torch, obtainable_torch
from impasto_shared.installation.pins import pin_of
from impasto_shared.installation.torch_build import Build
from impasto_shared.installation.unneeded import listing_of


def working_uv(environment: Environment) -> str | None:
    """Returns the uv of the machine, or else of the environment; None if neither works."""
    candidates = (shutil.which("uv"), str(environment.folder / "bin/uv"))
    works = (uv for uv in candidates if uv is not None and succeeds([uv, "--version"]))
    return next((str(Path(uv).absolute()) for uv in works), None)


def provided_uv(environment: Environment) -> str:
    """Returns a uv that works; puts one into the environment if the machine has none."""
    uv = working_uv(environment)
    if uv is None:
        python = str(environment.python)
        pip = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if not succeeds([python, "-I", "-m", "pip", "--version"]):
            run_quietly([python, "-I", "-m", "ensurepip"])
        # pip verifies the hashes of a file of requirements alone.
        requirement = environment.folder / "uv.txt"
        requirement.write_text(f"{pin_of('uv').requirement}\n")
        run([*pip, "--requirement", str(requirement)])
        uv = str(environment.folder / "bin/uv")
    return uv


def torch_for(uv: str, wish: Build, python: Path) -> Torch | None:
    """Returns the PyTorch to install for a wish; None if no index answers, of which uv says why."""
    return obtainable_torch(uv, wish, python, printed_lines)


def why_not(wish: Build, torch: Torch | None) -> str:
    """Returns why the wish is not installed, given what can be had."""
    if torch is not None and torch.build is None:
        return f"uv does not say whether it would install PyTorch's build for a {_name(wish)}"
    return f"PyTorch's build for a {_name(wish)} cannot be reached from here"


def _name(build: Build) -> str:
    return build.value.upper()


def announce(wish: Build, torch: Torch, folder: Path) -> None:
    """Says which build is installed where, and how much is downloaded."""
    amount = "About" if torch.build else "Up to"
    size = torch.build or Build.GPU
    if torch.build is None:
        say(f"  PyTorch: uv does not say which build it installs for a {_name(wish)}")
    elif torch.arguments:
        say(
            f"  PyTorch: the build for a {_name(torch.build)}, from PyTorch's own index "
            f"(--{torch.build.other.value} chooses the other one)"
        )
    elif torch.build is Build.CPU:
        say("  PyTorch: the build for a CPU, from the usual index or a folder in UV_FIND_LINKS")
    elif wish is Build.CPU:
        say("  PyTorch: the build for GPUs, since the smaller one cannot be reached from here")
    else:
        say("  PyTorch: the general build, from the usual index")
    say(
        f"  {amount} {size.download} are downloaded the first time, into uv's cache. "
        f"They take {size.disk} in {folder}"
    )


def remove_unneeded(uv: str, python: Path, spared: Collection[str] = ()) -> None:
    """Removes the libraries for GPUs that no package in an environment needs, but those spared."""
    if names := [name for name in unneeded_packages(python) if name not in spared]:
        run([uv, "pip", "uninstall", "--python", str(python), *names])


def unneeded_packages(python: Path) -> list[str]:
    """Returns the libraries for GPUs that no package in an environment needs."""
    listed = output_of(listing_of(python))
    if listed is None:
        raise SetupFailed(f"The packages of {python} cannot be listed. Run the same command again.")
    return listed.split()
