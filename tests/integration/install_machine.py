"""A machine for the tests of install.sh: a home folder, a checkout, and chosen programs.

uv is a stand-in that logs its arguments, because the real one downloads gigabytes. Everything else
(bash, Python's venv) is the program of this machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
REPLACED = re.compile(r"(python|uv|gimp|impasto|systemctl)")

UV = """#!/bin/bash
[[ $1 != --version ]] || exit 0
if [[ " $* " == *" --dry-run "* ]]; then # of PyTorch's own index, or of the usual one
    [[ -e "{torch_index}" || "$*" != *--torch-backend=* ]] || exit 2
    [[ "$*" == *--torch-backend=cpu* ]] || echo " + nvidia-cublas==13.0"
    echo " + torch==2.15.0"
    exit
fi
echo "$*" >>"{log}"
[[ ! -e "{broken}" ]] || exit 1
while [[ $# -gt 0 ]]; do
    case "$1" in
        --python) printf '#!/bin/sh\\ncp "$2" "$5"\\n' >"${{2%/*}}/impasto.new" ;;
    esac
    shift
done
cd "{environment}/bin" && chmod +x impasto.new && mv impasto.new impasto
"""


_DAEMON = """
import fcntl, os, signal, sys
lock = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)
os.write(lock, f"{os.getpid()}\\n".encode())
print("locked", flush=True)
signal.pause()
"""


@dataclass(frozen=True)
class Machine:
    """A computer with a checkout of Impasto, a home folder, and programs chosen by the test."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def environment(self) -> Path:
        return self.home / ".local/share/impasto/venv"

    @property
    def lock(self) -> Path:
        return self.folder / "run/impasto/daemon.lock"

    @property
    def uv_is_broken(self) -> Path:
        return self.folder / "uv-is-broken"

    @property
    def torch_index(self) -> Path:
        """Exists if PyTorch's own index can be reached."""
        return self.folder / "torch-index"

    @property
    def gpu(self) -> Path:
        """Exists if the machine has a GPU."""
        return self.folder / "gpu"

    def uv_calls(self) -> list[str]:
        log = self.folder / "uv.log"
        return log.read_text().splitlines() if log.exists() else []

    def provide(self, name: str, script: str) -> None:
        program = self.folder / "bin" / name
        program.unlink(missing_ok=True)
        program.write_text(script)
        program.chmod(0o755)

    def replace(self, name: str, pattern: str, replacement: str) -> None:
        """Replaces the one place in a file of the checkout that matches a pattern."""
        file = self.checkout / name
        text, count = re.subn(pattern, replacement, file.read_text())
        assert count == 1
        file.write_text(text)

    def has_free(self, megabytes: int) -> None:
        """Has the installer find this much free on the disk."""
        self.replace(
            "daemon/impasto_daemon/setup/environment.py",
            r"free_mb = .*",
            f"free_mb = {megabytes}",
        )

    def profile(self, path: str) -> Path:
        profile = self.home / path
        profile.mkdir(parents=True)
        (profile / "gimprc").touch()
        return profile

    def install(
        self,
        *arguments: str,
        folder: Path | None = None,
        program: tuple[str, ...] = (),
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """Runs install.sh, or the command line `program`, in a folder with these variables."""
        environment = {
            "HOME": str(self.home),
            "PATH": str(self.folder / "bin"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            **variables,
        }
        return subprocess.run(
            [*(program or [self.checkout / "install.sh"]), *arguments],
            cwd=folder or self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def daemon(self, python: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Starts a process that looks like a daemon run by `python`, and holds the lock."""
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        command = [str(python), "-c", _DAEMON, "serve", str(self.lock)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"locked\n"
            try:
                yield process
            finally:
                process.kill()

    def contents(self) -> dict[str, tuple[int, bytes]]:
        """Returns the modification time and the bytes of each file in the home folder."""
        return {
            str(path.relative_to(self.home)): (
                path.lstat().st_mtime_ns,
                path.read_bytes() if path.is_file() else b"",
            )
            for path in self.home.rglob("*")
        }


def make_machine(folder: Path) -> Machine:
    """Creates a machine in `folder` whose Python has no gi, without GIMP and systemd."""
    machine = Machine(folder)
    machine.home.mkdir()
    _copy_checkout(machine.checkout)
    _link_programs(folder / "bin")
    # -S leaves out site-packages, and therefore gi.
    machine.provide("python3", f'#!/bin/sh\nexec "{Path(sys.executable).resolve()}" -S "$@"\n')
    log = folder / "uv.log"
    machine.provide(
        "uv",
        UV.format(
            log=log,
            broken=machine.uv_is_broken,
            torch_index=machine.torch_index,
            environment=machine.environment,
        ),
    )
    machine.torch_index.touch()
    _replace_gpus(machine)
    return machine


def _copy_checkout(checkout: Path) -> None:
    for name in ("shared", "daemon", "gimp_plugin", "assets"):
        shutil.copytree(CHECKOUT / name, checkout / name)
    (checkout / "tests").mkdir()
    for name in ("install.sh", "pyproject.toml", "tests/run_tests.sh"):
        shutil.copy(CHECKOUT / name, checkout / name)


def _replace_gpus(machine: Machine) -> None:
    """Makes the machine's GPU independent of that of the machine that runs the tests."""
    machine.replace(
        "shared/impasto_shared/installation/torch_build.py",
        r"(?m)^(GPU_DEVICES: .*?) = .*",
        rf'\1 = ("{machine.gpu}",)',
    )


def _link_programs(folder: Path) -> None:
    folder.mkdir()
    for program in (*Path("/bin").iterdir(), *Path("/usr/bin").iterdir()):
        link = folder / program.name
        if not REPLACED.match(program.name) and not link.is_symlink():
            link.symlink_to(program)
