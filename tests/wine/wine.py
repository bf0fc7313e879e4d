"""Programs of Windows in the folder that wine_root.sh makes, with the Python of windows_python."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wine import windows_python

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
ENTER = REPOSITORY / "tests/gimp/in_gimp_root.sh"
# The start of a Python with PyTorch takes a second, or minutes on a busy machine.
PATIENCE_S = 300.0
_LOOK_S = 0.2


def root() -> Path:
    """Returns the folder that wine_root.sh makes."""
    return windows_python.cache_folder() / "wine"


def missing_part() -> str | None:
    """Returns why there is no Windows here; None if there is one."""
    if os.geteuid() != 0:
        return "Wine's folder can be entered by root only."
    if not (root() / "opt/windows").is_dir():
        return f"Wine is not there: {HERE / 'wine_root.sh'} makes it."
    if not windows_python.is_made():
        return "Windows' Python is not there: python tests/wine/windows_python.py gets it."
    return None


@dataclass(frozen=True)
class Finished:
    """A program that has ended."""

    status: int
    output: str


class Wine:
    """A Windows with nothing of an earlier test; used with `with`."""

    def __init__(self) -> None:
        # Not pytest's own folder: /tmp is the same inside.
        self.folder = Path(tempfile.mkdtemp(prefix="impasto-wine-", dir="/tmp"))
        self._count = 0

    def __enter__(self) -> Self:
        self._lock = (root().with_suffix(".session")).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._end_all()
        for folder in (self.data, self.roaming / "GIMP"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(windows_python.folder() / "python", self.folder / "python")
        folders = [windows_python.folder() / "packages", *self._sources]
        lines = ["python312.zip", ".", *(self.path(folder) for folder in folders)]
        (self.folder / "python/python312._pth").write_text("\r\n".join(lines))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_all()
        self._lock.close()
        shutil.rmtree(self.folder)

    @property
    def data(self) -> Path:
        """The daemon's folder in the user's data, as Linux sees it."""
        return self._app_data / "Local/impasto"

    @property
    def roaming(self) -> Path:
        """The folder of the settings of this user's programs, as Linux sees it."""
        return self._app_data / "Roaming"

    @property
    def _app_data(self) -> Path:
        return root() / "opt/windows/drive_c/users/root/AppData"

    @property
    def address_file(self) -> Path:
        """The file that says where the daemon serves."""
        return self.data / "run/daemon.json"

    @property
    def log(self) -> str:
        """The log of the daemon."""
        file = self.data / "daemon.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def path(self, path: Path) -> str:
        """Returns the path of a file as Windows has it."""
        return "Z:" + str(path).replace("/", "\\")

    def start(self, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        """Starts `impasto`; its output goes to the file that is returned.

        Not to a pipe: what it leaves running would keep it open.
        """
        self._count += 1
        output = self.folder / f"output-{self._count}"
        python = self.path(self.folder / "python/python.exe")
        command = ["wine", python, "-P", "-m", "impasto_daemon", *arguments]
        with output.open("wb") as file:
            process = self._inside(command, file)
        return process, output

    def run(self, *arguments: str) -> Finished:
        """Runs `impasto` to its end."""
        process, output = self.start(*arguments)
        try:
            status = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{arguments}: {output.read_text()}\n{self.log}") from None
        return Finished(status, output.read_text(errors="replace"))

    def status(self) -> dict[str, Any]:
        """Returns what `impasto status` reports."""
        finished = self.run("status", "--json")
        assert finished.status == 0, finished.output
        text = finished.output
        return dict(json.loads(text[text.index("{") : text.rindex("}") + 1]))

    def workers(self) -> list[int]:
        """Returns the ids that Linux has given to the workers of this Windows."""
        return [pid for pid in self._processes() if "impasto_daemon.worker.main" in _command(pid)]

    def kill_workers(self) -> None:
        """Ends the workers at once."""
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """Returns the first true value of `condition`, which is polled."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            if value := condition():
                return value
            time.sleep(_LOOK_S)
        raise AssertionError(f"{what} did not come within {PATIENCE_S:.0f} s\n{self.log}")

    @property
    def _sources(self) -> list[Path]:
        return [REPOSITORY / "shared", REPOSITORY / "daemon"]

    def _processes(self) -> list[int]:
        """Returns the processes that run this folder's Python."""
        python = self.path(self.folder)
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        return [pid for pid in pids if _command(pid).startswith(python)]

    def _inside(self, command: list[str], output: Any) -> subprocess.Popen[bytes]:
        bound = [str(REPOSITORY), str(windows_python.folder())]
        environment = {
            "HOME": "/root",
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": "/run/wine",
            "WINEPREFIX": "/opt/windows",
            "WINEDEBUG": "-all",
            "IMPASTO_BIND": ":".join(bound),
            # Wine does not tell Intel's OpenMP which processors there are, nor asks Linux for the
            # registers of the newest.
            "KMP_AFFINITY": "disabled",
            "ONEDNN_MAX_CPU_ISA": "AVX2",
        }
        enter = ["unshare", "--mount", "--propagation", "private", str(ENTER), "--enter"]
        return subprocess.Popen(
            [*enter, str(root()), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def _end_all(self) -> None:
        """Ends all programs of this Windows, and Wine's server with them."""
        with Path(os.devnull).open("wb") as nowhere:
            self._inside(["wineserver", "-k"], nowhere).wait(PATIENCE_S)


def _command(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return line.replace(b"\0", b" ").decode(errors="replace")
