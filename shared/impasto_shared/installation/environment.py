"""The environment that the setup makes: where it is, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto_shared.files.paths import data_dir
from impasto_shared.installation.torch_build import Build
from impasto_shared.system.host import PROGRAM_SUFFIX, PROGRAMS


@dataclass(frozen=True)
class Environment:
    """A Python environment, with a file that says what is in it once it is complete."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / PROGRAMS / f"python{PROGRAM_SUFFIX}"

    @property
    def program(self) -> Path:
        """The command `impasto` in it."""
        return self.folder / PROGRAMS / f"impasto{PROGRAM_SUFFIX}"

    @property
    def stamp(self) -> Path:
        """The file that says what it was made from."""
        return self.folder / "impasto-stamp"

    @property
    def unfinished(self) -> Path:
        """The file in an environment that is not finished, by which it is known as one of these."""
        return self.folder / "impasto-unfinished"

    @property
    def is_ours(self) -> bool:
        """Returns whether the setup has made it, or begun to."""
        return self.stamp.is_file() or self.unfinished.is_file()

    @property
    def build(self) -> Build | None:
        """The build of PyTorch that it was made with; None if it is not complete.

        Environments had no choice before the stamp told it.
        """
        if not self.stamp.is_file():
            return None
        is_small = self.stamp.read_text(errors="replace").strip().endswith(f" {Build.CPU.value}")
        return Build.CPU if is_small else Build.GPU

    @property
    def made_from(self) -> str:
        """The text of the stamp, also while it is brought up to date; empty if there is none."""
        files = (file for file in (self.stamp, self.unfinished) if file.is_file())
        return next((file.read_text(errors="replace").strip() for file in files), "")

    def begin(self) -> None:
        """Declares it unfinished."""
        if self.stamp.is_file():
            self.stamp.replace(self.unfinished)
        else:
            self.unfinished.touch()

    def finish(self, stamp: str) -> None:
        """Declares it complete; `stamp` says what it was made from."""
        self.unfinished.write_text(f"{stamp}\n")
        self.unfinished.replace(self.stamp)


def own_environment() -> Environment:
    """Returns the environment in the user's data folder."""
    return Environment(data_dir() / "venv")


def program_record() -> Path:
    """Returns the file that names the command `impasto` of another environment, to be used.

    `impasto setup` writes it: the folder of such a command is often not on GIMP's PATH.
    """
    return data_dir() / "program"


def recorded_program() -> Path | None:
    """Returns the command that the record names, if it exists."""
    try:
        program = Path(program_record().read_text(errors="surrogateescape").strip())
    except OSError:
        return None
    return program if program.is_absolute() and program.is_file() else None


def installed_program() -> Path | None:
    """Returns the command `impasto` of the setup; None if there is none, or it is not complete."""
    if program := recorded_program():
        return program
    environment = own_environment()
    is_complete = environment.program.is_file() and not environment.unfinished.is_file()
    return environment.program if is_complete else None
