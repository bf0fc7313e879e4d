"""The GIMP in Flatpak's sandbox that flatpak_gimp.sh makes, in a home folder with the plug-in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gimp.gimps import HERE as OF_GIMP
from gimp.gimps import REPOSITORY
from integration.daemon_process import PATIENCE_S

HERE = Path(__file__).parent
APP = "org.gimp.GIMP"
PHOTO = REPOSITORY / "assets/photos/chelsea.jpg"
PAINTING = REPOSITORY / "assets/styles/auvers.jpg"


def made_folder() -> Path:
    """Returns the folder that flatpak_gimp.sh makes."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "impasto/flatpak"


def missing_part() -> str | None:
    """Returns why there is no GIMP in a sandbox here; None if there is one."""
    if os.geteuid() != 0:
        return "the GIMP in Flatpak is made and run by root only."
    if not shutil.which("flatpak") or not (made_folder() / "stamp").is_file():
        return f"the GIMP in Flatpak is not there: {HERE / 'flatpak_gimp.sh'} makes it."
    return None


class Home:
    """The home folder of a person who has GIMP from Flatpak; used with `with`.

    Below /home: GIMP's own permissions show it the whole /tmp, and nothing of /var.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="impasto-", dir="/home"))
        self.runtime = Path(tempfile.mkdtemp(prefix="impasto-", dir="/var/tmp"))
        # By this the setup knows that GIMP is from Flatpak; what is installed is elsewhere.
        (self.folder / ".local/share/flatpak/app" / APP).mkdir(parents=True)
        # Else the setup starts GIMP, and waits for less time than that takes on a busy machine.
        (self.folder / ".config/GIMP/3.2").mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a login session."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "FLATPAK_USER_DIR": str(made_folder() / "installation"),
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.runtime),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
            "PYTHONPATH": f"{REPOSITORY / 'shared'}:{REPOSITORY / 'daemon'}",
        }

    @property
    def sandbox_socket(self) -> Path:
        """The socket of the daemon that a sandbox sees."""
        return self.folder / ".cache/impasto/sandbox" / f"{os.uname().nodename}.sock"

    def impasto(self, *arguments: str) -> list[str]:
        """Returns the command line of `impasto`, outside of the sandbox."""
        return [sys.executable, "-m", "impasto_daemon", *arguments]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of this person's to its end."""
        return subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * PATIENCE_S,
        )

    def in_sandbox(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the sandbox, as `flatpak run` does for GIMP."""
        return self.run("flatpak", "run", f"--command={program}", APP, *arguments)

    def paint(self, iterations: int = 20) -> subprocess.CompletedProcess[str]:
        """Has GIMP paint the photo, and write report.json and painted.png."""
        for file in (OF_GIMP / "batch.py", PHOTO, PAINTING):
            shutil.copy(file, self.folder)
        names = ("report.json", PHOTO.name, PAINTING.name, "painted.png")
        files = ", ".join(repr(str(self.folder / name)) for name in names)
        paths = [str(self.folder), str(self.plugin)]
        statements = f"import batch; batch.paint({files}, {iterations})"
        code = f"import sys; sys.path[:0] = {paths!r}; {statements}"
        batch = ["--batch-interpreter=python-fu-eval", "-b", code]
        return self.in_sandbox("gimp-console-3.2", "-i", "--quit", *batch)

    @property
    def plugin(self) -> Path:
        """The folder of the installed plug-in."""
        (folder,) = self.folder.glob("**/GIMP/3.2/plug-ins/impasto-gimp")
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for folder in (self.folder, self.runtime):
            shutil.rmtree(folder)


class Running:
    """A process outside of the sandbox, ended with the context."""

    def __init__(self, home: Home, command: Sequence[str]) -> None:
        self.log = home.folder / "log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=home.environment, cwd=home.folder, stdout=log, stderr=log
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
