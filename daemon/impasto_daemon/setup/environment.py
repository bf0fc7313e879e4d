"""The environment that the daemon runs in, made or brought up to date from a checkout."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.programs import run, succeeds
from impasto_daemon.setup.uv import (
    announce,
    provided_uv,
    remove_unneeded,
    torch_for,
    why_not,
    working_uv,
)
from impasto_shared.installation.environment import Environment, own_environment
from impasto_shared.installation.obtainable_torch import Torch
from impasto_shared.installation.torch_build import Build


def fingerprint(checkout: Path, *names: str) -> str:
    """Returns a hash of all that determines the contents of an environment: files and folders."""
    digest = hashlib.sha256()
    for path in sorted(_files(checkout, names)):
        digest.update(f"{path.relative_to(checkout)}\0".encode(errors="surrogateescape"))
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(checkout: Path, names: Sequence[str]) -> list[Path]:
    tops = [checkout / name for name in names]
    paths = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*"))]
    return [path for path in paths if path.is_file() and path.suffix != ".pyc"]


def is_current(environment: Environment, expected: str) -> bool:
    """Returns whether the environment was made from what `expected` says, and its Python runs."""
    stamp = environment.stamp
    return stamp.is_file() and stamp.read_text().strip() == expected and _runs(environment)


def _runs(environment: Environment) -> bool:
    return succeeds([str(environment.python), "-I", "-c", ""])


def _can_be_updated(environment: Environment, build: Build) -> bool:
    """Returns whether it need not be made from scratch: uv keeps a PyTorch of the same version."""
    return environment.build is build and _runs(environment)


def make(
    environment: Environment,
    expected: str,
    build: Build | None,
    what: Sequence[str],
    before: Callable[[], None] = lambda: None,
) -> None:
    """Makes or repairs an environment, unless it is current.

    expected: says what it is made from. build: None for what the usual index has.
    what: the arguments with which uv installs it. before: called before anything is changed.

    Raises:
        SetupFailed: if it cannot be made; what was begun is known as unfinished.
    """
    if is_current(environment, _stamp(expected, build)):
        _say_up_to_date(environment)
        return
    torch = None
    if build is not None:
        build, torch = _choice(environment, build)
        if is_current(environment, _stamp(expected, build)):
            _say_up_to_date(environment)
            return
    is_new = not _can_be_updated(environment, build or Build.GPU)
    if is_new:
        _check_place(environment)
        check_disk_space(environment.folder.parent, (build or Build.GPU).needed_mb)
    before()
    _begin(environment, is_new=is_new)
    uv = provided_uv(environment)
    if build is not None:
        # If no index answers, uv says why.
        torch = torch or torch_for(uv, build, environment.python) or Torch((), build)
        announce(build, torch, environment.folder)
        if is_new and torch.build is not Build.CPU:
            check_disk_space(environment.folder, Build.GPU.needed_mb)
    arguments = () if torch is None else torch.arguments
    run([uv, "pip", "install", "--python", str(environment.python), *arguments, *what])
    if torch is not None and not is_new:
        remove_unneeded(uv, environment.python)
    environment.finish(_stamp(expected, None if torch is None else torch.build or build))


def _say_up_to_date(environment: Environment) -> None:
    say(f"Environment: up to date in {environment.folder}")


def _stamp(expected: str, build: Build | None) -> str:
    return expected if build is None else f"{expected} {build.value}"


def _choice(environment: Environment, wish: Build) -> tuple[Build, Torch | None]:
    """Returns the build to make: the present one if it runs and the wish cannot be had.

    Also returns the PyTorch to install for it, if uv has been asked.
    """
    present, uv = environment.build, working_uv(environment)
    if present in (None, wish) or uv is None or not _runs(environment):
        return wish, None
    torch = torch_for(uv, wish, environment.python)
    if torch is not None and torch.build is wish:
        return wish, torch
    say(f"  PyTorch: {why_not(wish, torch)}; the present one stays")
    if torch is None:  # nor can the present one be had again
        return present, Torch((), present)
    return present, torch if torch.build is present else None


def _check_place(environment: Environment) -> None:
    """Raises SetupFailed if there is something that the setup did not make."""
    folder = environment.folder
    if folder.is_symlink():
        raise SetupFailed(f"{folder} is a link to {folder.readlink()}. Remove it, and try again.")
    if folder.exists() and not _is_ours_or_empty(environment):
        raise SetupFailed(f"{folder} was not made by Impasto. Move it away, and try again.")


def _is_ours_or_empty(environment: Environment) -> bool:
    """Returns whether the setup has made a folder: it is empty first, and last."""
    folder = environment.folder
    return environment.is_ours or (folder.is_dir() and not any(folder.iterdir()))


def check_disk_space(folder: Path, needed_mb: int) -> None:
    """Raises SetupFailed if the disk of a folder has less than this free."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_mb = shutil.disk_usage(existing).free // 2**20
    if free_mb < needed_mb:
        raise SetupFailed(
            f"{folder} has {free_mb} MB free, but the environment needs {needed_mb} MB. Free some "
            "space, or set XDG_DATA_HOME to a folder on a larger disk."
        )


def _begin(environment: Environment, *, is_new: bool) -> None:
    """Declares the environment unfinished; a new one is empty but for its Python."""
    if not is_new:
        say(f"Environment: bringing {environment.folder} up to date")
        environment.begin()
        return
    import venv  # the doctor, which needs none, also runs where a Python has none

    say(f"Environment: creating {environment.folder}")
    remove(environment)
    environment.folder.mkdir(parents=True)
    environment.begin()
    venv.EnvBuilder(symlinks=True).create(environment.folder)


def remove(environment: Environment) -> None:
    """Removes the environment; one whose removal is interrupted is still known as Impasto's."""
    if not environment.folder.is_dir():
        return
    if environment.is_ours:
        environment.begin()
    for path in environment.folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != environment.unfinished:
            path.unlink()
    environment.unfinished.unlink(missing_ok=True)
    environment.folder.rmdir()


def uninstall(environment: Environment) -> None:
    """Removes the environment if it is Impasto's, and says so."""
    folder = environment.folder
    if folder.is_symlink():
        say(f"Kept {folder}: it is a link to {folder.readlink()}")
    elif _is_ours_or_empty(environment):
        remove(environment)
        say(f"Removed {folder}")
    elif folder.exists():
        say(f"Kept {folder}: it was not made by Impasto")


def this_environment() -> Environment:
    """Returns the environment that this program runs in."""
    return Environment(Path(sys.prefix))


def how_to_repair(environment: Environment) -> str:
    """Returns what its user does to have everything in an environment installed again."""
    if environment != own_environment():
        return "Install Impasto again, such as with: uv tool upgrade --reinstall impasto"
    if environment.made_from.startswith("impasto=="):
        return f"Remove {environment.folder}, and press Install… in GIMP's dialog of Neural Style."
    return "Run ./install.sh uninstall, then ./install.sh demo, in the Impasto folder."
