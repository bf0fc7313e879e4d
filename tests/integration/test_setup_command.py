"""`uv tool install impasto && impasto setup`, from a folder of wheels, and its removal."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from build_release import build_wheel
from impasto_daemon.setup.plugin_files import NAME, PARTS, SCRIPT
from integration.daemon_process import PATIENCE_S
from release.installed_release import uv_program
from release.stub_wheels import write_stubs_of_requirements


@dataclass(frozen=True)
class Home:
    """A home folder, in which only uv and the programs of the system are found."""

    folder: Path

    @property
    def impasto(self) -> Path:
        return self.folder / ".local/bin/impasto"

    @property
    def environment(self) -> Path:
        return self.folder / ".local/share/uv/tools/impasto"

    @property
    def record(self) -> Path:
        return self.folder / ".local/share/impasto/program"

    def profile(self, path: str) -> Path:
        profile = self.folder / path
        profile.mkdir(parents=True)
        (profile / "gimprc").touch()
        return profile

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            cwd="/",
            env={
                "HOME": str(self.folder),
                "PATH": os.defpath,
                "XDG_RUNTIME_DIR": str(self.folder / "run"),
                "UV_CACHE_DIR": str(self.folder / "cache-of-uv"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=4 * PATIENCE_S,
        )

    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if not path.is_relative_to(self.folder / "cache-of-uv")
            and "__pycache__" not in path.parts
        }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home folder where uv has installed Impasto from a folder of wheels."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    build_wheel(wheels)
    write_stubs_of_requirements(wheels)
    home = Home(tmp_path / "home")
    home.folder.mkdir()
    source = ("--no-index", "--find-links", wheels, "--offline")
    installed = home.run(uv_program(), "tool", "install", *source, "impasto")
    assert installed.returncode == 0, installed.stderr
    (site_packages,) = home.environment.glob("lib/python3*/site-packages")
    # The stubs are empty; these are the real ones, but not the sources of Impasto there.
    (site_packages / "of_the_tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return home


def test_plugin_is_put_into_every_profile_and_removed_again(home: Home) -> None:
    profiles = [
        home.profile(path)
        for path in (".config/GIMP/3.0", ".config/GIMP/3.2", "snap/gimp/current/.config/GIMP/3.0")
    ]
    before = home.files()

    completed = home.run(home.impasto, "setup", "--service")
    again = home.run(home.impasto, "setup")

    assert completed.returncode == 0, completed.stderr
    for profile in profiles:
        folder = profile / "plug-ins" / NAME
        assert all((folder / part).exists() for part in PARTS)
        assert os.access(folder / SCRIPT, os.X_OK)
        assert f"installed in {folder}" in completed.stdout
        assert f"up to date in {folder}" in again.stdout
    assert home.record.read_text().strip() == str(home.environment / "bin/impasto")
    unit = (home.folder / ".config/systemd/user/impasto.service").read_text()
    assert f'ExecStart="{home.environment}/bin/impasto" serve\n' in unit

    removed = home.run(home.impasto, "setup", "--remove")

    assert removed.returncode == 0, removed.stderr
    assert "uv tool uninstall impasto" in removed.stdout
    left = {name for name in home.files() - before if not name.startswith("run")}
    assert left == {".config/systemd", ".config/systemd/user"}
