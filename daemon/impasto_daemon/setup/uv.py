"""The program uv, which fills environments, and the build of PyTorch that it is told to install."""

from __future__ import annotations

import shutil
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup.programs import run, run_quietly, succeeds
from impasto_shared.installation.environment import Environment
from impasto_shared.installation.pins import pin_of
from impasto_shared.installation.torch_build import Build, probe_of, uv_backend


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


def torch_arguments(uv: str, build: Build, python: Path) -> list[str]:
    """Returns the arguments of uv for a build of PyTorch.

    Those are none if PyTorch's own index cannot be reached, or if this uv does not know it.
    """
    backend = uv_backend(build)
    if backend is None:
        return []
    if succeeds(probe_of(uv, python, backend), {"UV_HTTP_RETRIES": "1"}):
        return [f"--torch-backend={backend}"]
    return []


def announce(build: Build, torch: list[str], folder: Path) -> None:
    """Says which build is installed where, and how much is downloaded; torch: the arguments."""
    actual = build if torch else Build.GPU
    if torch:
        say(
            f"  PyTorch: the build for a {build.value.upper()}, from PyTorch's own index "
            f"(--{build.other.value} chooses the other one)"
        )
    elif build is Build.CPU:
        say("  PyTorch: the build for GPUs, since the smaller one cannot be reached from here")
    else:
        say("  PyTorch: the general build, from the usual index")
    say(
        f"  About {actual.download} are downloaded the first time, into uv's cache. "
        f"They take {actual.disk} in {folder}"
    )
