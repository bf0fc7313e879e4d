"""The program uv, which fills environments, and the build of PyTorch that it is told to install."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.programs import output_of, printed_lines, run, run_quietly, succeeds
from impasto_shared.installation.environment import Environment
from impasto_shared.installation.pins import pin_of
from impasto_shared.installation.torch_build import Build, build_in, probe_of, uv_backend
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


@dataclass(frozen=True)
class Torch:
    """The PyTorch that can be had: the arguments with which uv installs it, and its build.

    Without arguments it is that of the usual index, or of the folders in UV_FIND_LINKS.
    """

    arguments: tuple[str, ...]
    build: Build


def obtainable_torch(uv: str, build: Build, python: Path) -> Torch | None:
    """Returns the PyTorch to install for a wish, which uv looks for; None if no index answers.

    PyTorch's own index has every build. It may be out of reach, or unknown to this uv.
    """
    backend = uv_backend(build)
    if backend is not None:
        said = printed_lines(probe_of(uv, python, backend), {"UV_HTTP_RETRIES": "1"})
        if said is not None:
            return Torch((f"--torch-backend={backend}",), build_in(said))
    said = printed_lines(probe_of(uv, python, None))
    return None if said is None else Torch((), build_in(said))


def announce(wish: Build, torch: Torch, folder: Path) -> None:
    """Says which build is installed where, and how much is downloaded."""
    if torch.arguments:
        say(
            f"  PyTorch: the build for a {torch.build.value.upper()}, from PyTorch's own index "
            f"(--{torch.build.other.value} chooses the other one)"
        )
    elif torch.build is Build.CPU:
        say("  PyTorch: the build for a CPU, from the usual index or a folder in UV_FIND_LINKS")
    elif wish is Build.CPU:
        say("  PyTorch: the build for GPUs, since the smaller one cannot be reached from here")
    else:
        say("  PyTorch: the general build, from the usual index")
    say(
        f"  About {torch.build.download} are downloaded the first time, into uv's cache. "
        f"They take {torch.build.disk} in {folder}"
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
