"""An environment made from a checkout, by a uv that logs the questions to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from impasto_daemon.setup import environment as environments
from impasto_shared.installation import torch_build
from impasto_shared.installation.environment import Environment
from impasto_shared.installation.torch_build import Build

# The lines about PyTorch's own index, and about the usual one, are in files; without, it fails.
_UV = """#!/bin/sh
case "$*" in
    *--dry-run*--torch-backend=*) echo own >>"{folder}/asked"; cat "{folder}/own"; exit ;;
    *--dry-run*) echo usual >>"{folder}/asked"; cat "{folder}/usual"; exit ;;
esac
"""
_SMALL, _LARGE = " + torch==2.15.0\n", " + torch==2.15.0\n + nvidia-cublas==13.0\n"


@dataclass(frozen=True)
class Uv:
    """The answers of uv about each index, and the questions to it."""

    folder: Path

    def says(self, *, own: str | None = None, usual: str | None = None) -> None:
        """Sets what it says; None for an index that cannot be reached."""
        for name, text in {"own": own, "usual": usual, "asked": None}.items():
            (self.folder / name).unlink(missing_ok=True)
            if text is not None:
                (self.folder / name).write_text(text)

    @property
    def asked(self) -> list[str]:
        file = self.folder / "asked"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uv:
    """The uv of a machine without a GPU."""
    monkeypatch.setattr(torch_build, "GPU_DEVICES", ())
    monkeypatch.setattr(environments, "check_disk_space", lambda *_: None)
    monkeypatch.setattr(environments, "remove_unneeded", lambda *_: None)
    program = tmp_path / "bin/uv"
    program.parent.mkdir()
    program.write_text(_UV.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin:/usr/bin")
    return Uv(tmp_path)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Build], Build | None]:
    """Makes the environment with a build, or brings it up to date; returns the build in it."""
    environment = Environment(tmp_path / "venv")

    def make(build: Build, sources: str = "sources") -> Build | None:
        environments.make(environment, sources, build, ["torch"])
        return environment.build

    return make


def test_uv_is_asked_once_for_a_new_environment(uv: Uv, make: Callable[..., Build | None]) -> None:
    uv.says(own=_SMALL)

    assert make(Build.CPU) is Build.CPU
    assert make(Build.CPU) is Build.CPU

    assert uv.asked == ["own"]


def test_uv_is_asked_once_for_another_build(uv: Uv, make: Callable[..., Build | None]) -> None:
    uv.says(usual=_LARGE)
    make(Build.GPU)
    uv.says(own=_SMALL)

    assert make(Build.CPU) is Build.CPU

    assert uv.asked == ["own"]


def test_uv_is_asked_once_if_the_present_build_stays(
    uv: Uv, make: Callable[..., Build | None], capsys: pytest.CaptureFixture[str]
) -> None:
    uv.says(usual=_LARGE)
    make(Build.GPU)
    uv.says(usual=_LARGE)

    assert make(Build.CPU, sources="newer sources") is Build.GPU

    assert uv.asked == ["own", "usual"]
    assert "cannot be reached from here; the present one stays" in capsys.readouterr().out


def test_build_that_is_not_the_one_asked_for_is_known(
    uv: Uv, make: Callable[..., Build | None]
) -> None:
    uv.says(usual=_SMALL)

    assert make(Build.GPU) is Build.CPU


def test_build_that_uv_does_not_name_replaces_none(
    uv: Uv, make: Callable[..., Build | None], capsys: pytest.CaptureFixture[str]
) -> None:
    uv.says(usual=_LARGE)
    make(Build.GPU)
    uv.says(own="All is well.")

    assert make(Build.CPU) is Build.GPU

    assert "uv does not say whether" in capsys.readouterr().out


def test_build_that_uv_does_not_name_is_said_to_be_unknown(
    uv: Uv, make: Callable[..., Build | None], capsys: pytest.CaptureFixture[str]
) -> None:
    uv.says(own="All is well.")

    make(Build.CPU)

    said = capsys.readouterr().out
    assert "uv does not say which build" in said
    assert "Up to 3 GB are downloaded" in said
