"""The installation of the daemon from a package index, by the plug-in: in steps that resume."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from importlib.util import find_spec
from pathlib import Path

from impasto_shared import __version__
from impasto_shared.errors import ImpastoError
from impasto_shared.files.paths import log_path
from impasto_shared.installation.environment import Environment, own_environment
from impasto_shared.installation.lock import only_installation
from impasto_shared.installation.obtainable_torch import Torch, obtainable_torch
from impasto_shared.installation.package_index import host_of, package_index
from impasto_shared.installation.pins import CONSTRAINTS
from impasto_shared.installation.torch_build import TORCH_PACKAGES, Build, wanted_build
from impasto_shared.installation.unneeded import listing_of
from impasto_shared.installation.uv_download import fetched_uv
from impasto_shared.installation.variables import own_variables
from impasto_shared.text.sentences import reason_of, sentence

PYTHON_FOLDER = "uv-python"
"""The folder, next to the environment, of the Python that uv downloads if there is none."""
_OLDEST_PYTHON = ">=3.11"
_DOWNLOAD = re.compile(r"\s*(Downloading|Downloaded) (\S+)(?: \(([\d.]+)([KMG])iB\))?")
_BYTES = {"K": 2**10, "M": 2**20, "G": 2**30}
_MOST_LINES = 200


class Step(Enum):
    """A step of the installation."""

    WAITING = auto()
    """Another installation is in progress."""
    UV = auto()
    ENVIRONMENT = auto()
    PACKAGES = auto()
    DONE = auto()


@dataclass
class Progress:
    """The progress so far: the step, the fraction of it in [0, 1], and what was logged."""

    step: Step = Step.UV
    fraction: float = 0.0
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """The things to be installed: from where, what, and where to."""

    index: str
    build: Build
    environment: Environment

    @property
    def folder(self) -> Path:
        """The folder in which everything is."""
        return self.environment.folder.parent

    @property
    def host(self) -> str:
        """The host of the index, without the password that its address may have."""
        return host_of(self.index)

    @property
    def description(self) -> str:
        """The plan as the log has it."""
        return f"PyTorch for {self.build.value}, from {self.host}, to {self.environment.folder}"


def plan(build: Build | None = None) -> Plan:
    """Returns the plan for this computer, or for a build that the user has chosen.

    Raises ImpastoError if there can be none.
    """
    if find_spec("fcntl") is None:  # Windows has none, for the lock
        raise ImpastoError(sentence("no-installation-here"))
    index = package_index()
    if index is None:
        raise ImpastoError(sentence("no-index"))
    environment = own_environment()
    return Plan(index, wanted_build(build, environment.build), environment)


class Installation:
    """An installation that runs in a thread, and can be watched and cancelled from another.

    needs_general_build: whether it failed since PyTorch's small build cannot be reached.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._process: subprocess.Popen[str] | None = None
        self._is_cancelled = False
        self._descriptor = -1
        self._sizes: dict[str, float] = {}
        self._done_bytes = 0.0
        self.progress = Progress()
        self.error: str | None = None
        self.needs_general_build = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Returns whether it has not ended; then `error` says why it failed, if it did."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Ends it soon; what was downloaded stays for the next one."""
        self._is_cancelled = True
        process = self._process
        if process is not None and process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGTERM)

    def wait(self) -> None:
        """Waits for the end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._log(f"Impasto {__version__}: {self._plan.description}")
            with only_installation(self._wait) as self._descriptor:
                self._install()
            self.progress.step = Step.DONE
        except ImpastoError as error:
            self.error = str(error)
        except OSError as error:
            place = error.filename or self._plan.host
            self.error = str(sentence("not-installable", place=place, errno=_reason(error)))
        except Exception as error:  # noqa: BLE001 - of an index, a proxy or a zip, of many kinds
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            place = self._plan.host
            self.error = str(sentence("not-installable", place=place, errno=reason))
        if self.error is not None:
            self._log(self.error)

    def _install(self) -> None:
        environment = self._plan.environment
        self._check_place()
        self._begin(Step.UV)
        uv = str(fetched_uv(self._plan.index, self._plan.folder, self._on_download))
        self._begin(Step.ENVIRONMENT)
        again = self._torch_again()
        environment.folder.mkdir(exist_ok=True)
        environment.begin()
        new = [uv, "venv", "--allow-existing", "--python", _OLDEST_PYTHON]
        self._call([*new, environment.folder])
        self._begin(Step.PACKAGES)
        install = [uv, "pip", "install", "--python", str(environment.python)]
        torch = self._obtainable_torch(uv)
        what = [*torch.arguments, *again, "--constraints", str(CONSTRAINTS)]
        self._call([*install, *what, f"impasto=={__version__}"])
        if again and (unneeded := self._ask(listing_of(environment.python))):
            self._call([uv, "pip", "uninstall", "--python", str(environment.python), *unneeded])
        environment.finish(f"impasto=={__version__} {(torch.build or self._plan.build).value}")

    def _check_place(self) -> None:
        """Raises ImpastoError if something else is there, or the disk is full."""
        folder = self._plan.environment.folder
        is_empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
        if folder.is_symlink() or not (is_empty or self._plan.environment.is_ours):
            raise ImpastoError(sentence("not-our-folder", folder=folder))
        free_mb = shutil.disk_usage(self._plan.folder).free // 2**20
        needed_mb = self._plan.build.needed_mb
        if free_mb < needed_mb:
            raise ImpastoError(sentence("disk-full", folder=folder, free=free_mb, needed=needed_mb))

    def _torch_again(self) -> list[str]:
        """Returns the arguments that replace a PyTorch which may be of another build.

        uv would keep it: its version is the same. It is in the cache, unless the build changes.
        """
        if self._plan.environment.build is self._plan.build:
            return []
        return [word for name in TORCH_PACKAGES for word in ("--reinstall-package", name)]

    def _obtainable_torch(self, uv: str) -> Torch:
        """Returns the PyTorch to install.

        Raises ImpastoError if none can be had, or only one that may be larger than was said.
        """
        wish = self._plan.build
        torch = obtainable_torch(uv, wish, self._plan.environment.python, self._answer)
        if torch is None:
            raise self._failure()
        if torch.build is None:
            self._log("uv does not say which build of PyTorch it would install")
        if wish is Build.CPU and torch.build is not Build.CPU:
            self.needs_general_build = True
            raise ImpastoError(sentence("small-build-unreachable"))
        return torch

    def _answer(self, command: Sequence[str], variables: Mapping[str, str]) -> list[str] | None:
        """Returns what a program prints, which is logged if it fails; None if it does."""
        try:
            return self._ask(command, **variables)
        except _ProgramFailed:
            return None

    def _begin(self, step: Step) -> None:
        self.progress.step, self.progress.fraction = step, 0.0
        self._check_cancel()

    def _wait(self) -> None:
        self.progress.step = Step.WAITING
        self._check_cancel()

    def _check_cancel(self) -> None:
        if self._is_cancelled:
            raise ImpastoError(sentence("installation-cancelled"))

    def _on_download(self, received: int, total: int | None) -> None:
        self.progress.fraction = received / total if total else 0.0
        self._check_cancel()

    def _ask(self, command: Sequence[str | Path], **variables: str) -> list[str]:
        """Runs a program for what it prints, which is logged only if it fails."""
        return self._call(command, is_asked=True, **variables)

    def _call(
        self, command: Sequence[str | Path], *, is_asked: bool = False, **variables: str
    ) -> list[str]:
        """Runs a program, and returns its lines; it holds the lock for as long as it runs."""
        environment = own_variables() | {
            "UV_DEFAULT_INDEX": self._plan.index,
            "UV_PYTHON_INSTALL_DIR": str(self._plan.folder / PYTHON_FOLDER),
            **variables,
        }
        self._process = subprocess.Popen(  # noqa: S603 - uv, verified
            command,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=(self._descriptor,),
        )
        with self._process as process:
            if self._is_cancelled:
                self.cancel()
            assert process.stdout is not None  # noqa: S101 - for the type checker
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip())
                if not is_asked:
                    self._on_line(lines[-1])
        self._check_cancel()
        if process.returncode:
            for line in lines if is_asked else ():
                self._log(line)
            raise self._failure()
        return lines

    def _on_line(self, line: str) -> None:
        self._log(line)
        match = _DOWNLOAD.fullmatch(line)
        if match is None:
            return
        if match[3]:
            self._sizes[match[2]] = float(match[3]) * _BYTES[match[4]]
        else:
            self._done_bytes += self._sizes.pop(match[2], 0.0)
        expected = max(self._plan.build.download_bytes, 1)
        self.progress.fraction = min(self._done_bytes / expected, 0.95)

    def _failure(self) -> ImpastoError:
        """Returns the error of a call of uv, by the last line that it has printed."""
        return _ProgramFailed(sentence("uv-failed", line=self._last_line(), log=install_log()))

    def _last_line(self) -> str:
        lines = [line.strip() for line in self.progress.lines if line.strip()]
        return (lines or ["-"])[-1].rstrip(".")

    def _log(self, line: str) -> None:
        self.progress.lines = [*self.progress.lines, line][-_MOST_LINES:]
        with suppress(OSError):
            install_log().parent.mkdir(parents=True, exist_ok=True)
            with install_log().open("a", encoding="utf-8") as log:
                log.write(f"{line}\n")


class _ProgramFailed(ImpastoError):
    """A call of uv has failed."""


def _reason(error: OSError) -> str:
    """Returns the reason of an error as a sentence has it: by its number, or in its own words."""
    inner = getattr(error, "reason", error)
    return str(reason_of(inner) if isinstance(inner, OSError) else inner)


def install_log() -> Path:
    """Returns the path of the log of installations by the plug-in."""
    return log_path().with_name("install.log")
