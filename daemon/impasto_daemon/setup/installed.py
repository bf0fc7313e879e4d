"""`impasto setup`: the rest of the installation, from the environment that holds the wheel."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from impasto_daemon.commands.output import say
from impasto_daemon.setup import plugin, service
from impasto_daemon.setup.environment import check_disk_space, this_environment
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.home import prepare_process
from impasto_daemon.setup.lock import only_setup
from impasto_daemon.setup.programs import run
from impasto_daemon.setup.removal import remove_all
from impasto_daemon.setup.running_daemon import stop_daemon
from impasto_daemon.setup.uv import (
    announce,
    provided_uv,
    remove_unneeded,
    torch_for,
    unneeded_packages,
    why_not,
)
from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.installation.environment import Environment, own_environment, program_record
from impasto_shared.installation.torch_build import TORCH_PACKAGES, Build


@dataclass(frozen=True)
class Wish:
    """The wish for another build of PyTorch than the installed one, and for the service."""

    gpu: bool = False
    cpu: bool = False
    service: bool = False

    @property
    def build(self) -> Build | None:
        """The build to install, if it is named."""
        if self.gpu or self.cpu:
            return Build.GPU if self.gpu else Build.CPU
        return None


def set_up(wish: Wish) -> None:
    """Installs the wish, and the plug-in in every profile of GIMP."""
    prepare_process()
    plugin.check_folders()
    service.check_unit()
    environment = this_environment()
    with only_setup():
        if wish.build is not None:
            _change_build(environment, wish.build)
        _record(environment)
        plugin.install(again="impasto setup", service="impasto setup --service")
        if wish.service:
            service.install(environment)
    say("To undo this: impasto setup --remove")


def remove() -> None:
    """Removes all that `set_up` and install.sh have installed."""
    prepare_process()
    environment = this_environment()
    with only_setup():
        # Any other one is the user's, even if an exchange of PyTorch has left it unfinished.
        remove_all(own_environment())
        stop_daemon(environment)
    if environment.folder.exists():
        say(
            f"The program itself is in {environment.folder}. Remove it with what installed it, "
            "such as: uv tool uninstall impasto"
        )


def _change_build(environment: Environment, build: Build) -> None:
    """Replaces PyTorch by another build of the same version."""
    stamp = environment.made_from
    if environment == own_environment() and not stamp:
        raise SetupFailed(
            f"{environment.folder} is not complete. Finish its installation first: run the same "
            "command, or press the same button, again."
        )
    check_disk_space(environment.folder, build.needed_mb)
    uv, python = provided_uv(environment), environment.python
    torch = torch_for(uv, build, python)
    if torch is None or torch.build is not build:
        raise SetupFailed(f"{why_not(build, torch)}. The present one stays.")
    announce(build, torch, environment.folder)
    # In an environment that the setup did not make, these are the user's own.
    spared = [] if stamp else unneeded_packages(python)
    service.stop(environment)
    environment.begin()
    again = [word for name in TORCH_PACKAGES for word in ("--reinstall-package", name)]
    versions = [f"{name}=={version(name).partition('+')[0]}" for name in TORCH_PACKAGES]
    run([uv, "pip", "install", "--python", str(python), *torch.arguments, *again, *versions])
    remove_unneeded(uv, python, spared)
    if stamp:
        environment.finish(f"{stamp.rpartition(' ')[0] or stamp} {build.value}")
    else:  # it was not made by the setup
        environment.unfinished.unlink()
    service.start_again(environment)


def _record(environment: Environment) -> None:
    """Records this environment's program for GIMP, unless it is where GIMP looks anyway."""
    record = program_record()
    if environment.folder == own_environment().folder:
        record.unlink(missing_ok=True)
        return
    data = f"{environment.program}\n".encode(errors="surrogateescape")
    if not record.is_file() or record.read_bytes() != data:
        write_atomically(record, data)
