"""The installation from within GIMP, without GIMP: real uv, and an index on loopback."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_release import build_wheel
from impasto_shared import __version__
from impasto_shared.errors import ImpastoError
from impasto_shared.installation import installation as installation_module
from impasto_shared.installation import obtainable_torch, pins, torch_build, uv_download
from impasto_shared.installation.environment import installed_program, own_environment
from impasto_shared.installation.installation import Installation, Step, install_log, plan
from impasto_shared.installation.pins import Pin, pin_of
from impasto_shared.installation.torch_build import Build
from integration.loopback_index import LoopbackIndex, index_of
from release.installed_release import uv_program
from release.stub_wheels import write_stub, write_stubs_of_requirements

UV = pin_of("uv")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Impasto's wheel, empty ones for its packages, and uv's own.

    Its PyTorch is one for GPUs, like that of the usual index.
    """
    folder = tmp_path_factory.mktemp("wheels")
    build_wheel(folder)
    write_stubs_of_requirements(folder)
    write_stub(folder, "nvidia_cublas", "13.0")
    write_stub(folder, "torch", "2.15.0", requires=("nvidia-cublas",))
    version = UV.version
    script = f"uv-{version}.data/scripts/uv"
    wheel = write_stub(folder, "uv", version, {script: f'#!/bin/sh\nexec {uv_program()} "$@"\n'})
    wheel.rename(folder / f"uv-{version}-py3-none-manylinux_2_17_x86_64.musllinux_1_1_x86_64.whl")
    return folder


@pytest.fixture
def index(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackIndex]:
    """The only index of a user who has nothing installed; it knows nothing of PyTorch's own."""
    for name in ("DATA", "STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache-of-uv"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setattr(torch_build, "GPU_DEVICES", ())
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (wheel,) = wheels.glob("uv-*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    pin = Pin("uv", UV.version, frozenset({digest}))
    monkeypatch.setattr(uv_download, "pin_of", lambda _: pin)
    constraints = tmp_path / "constraints.txt"  # the stubs have other versions
    constraints.write_text("")
    for module in (pins, obtainable_torch, installation_module):
        monkeypatch.setattr(module, "CONSTRAINTS", constraints)
    with index_of(wheels) as index:
        monkeypatch.setenv("IMPASTO_INDEX", index.address)
        yield index


def installed(build: Build | None = Build.GPU) -> Installation:
    """Returns an installation that has ended."""
    installation = Installation(plan(build))
    installation.start()
    installation.wait()
    return installation


def test_everything_is_installed_in_the_folder_that_is_named(index: LoopbackIndex) -> None:
    planned = plan()

    installation = installed()

    assert installation.error is None
    assert installation.progress.step is Step.DONE
    assert planned.index == index.address
    environment = own_environment()
    assert planned.environment == environment
    assert installed_program() == environment.program
    shown = subprocess.run(
        [environment.python, "-I", "-c", "import impasto_shared as s; print(s.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == __version__
    assert f"impasto=={__version__}" in install_log().read_text()
    assert environment.build is Build.GPU


def test_small_build_that_cannot_be_reached_is_not_replaced_in_silence(
    index: LoopbackIndex,
) -> None:
    installation = installed(build=None)

    assert installation.needs_general_build
    assert "cannot be reached" in str(installation.error)
    assert installed_program() is None
    assert index.requests


def test_small_build_of_a_folder_is_installed(
    index: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(Build.GPU)
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "cpu"))
    (tmp_path / "cpu").mkdir()
    write_stub(tmp_path / "cpu", "torch", "2.15.0+cpu")

    installation = installed(Build.CPU)

    assert installation.error is None
    assert own_environment().build is Build.CPU
    assert any(line.startswith(" - nvidia-cublas==") for line in installation.progress.lines)
    assert index.requests


def test_broken_download_continues_where_it_stopped(index: LoopbackIndex) -> None:
    index.breaks_after = 100

    first = installed()
    second = installed()

    assert "Another try continues" in str(first.error)
    assert second.error is None
    assert [begin for path, begin in index.requests if "/files/uv-" in path] == ["", "bytes=100-"]


def test_damaged_download_is_received_again(index: LoopbackIndex) -> None:
    part = own_environment().folder.parent / "uv.whl.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"damaged")

    assert installed().error is None
    assert index.requests


def test_another_uv_than_the_pinned_one_is_refused(
    index: LoopbackIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = Pin("uv", UV.version, frozenset({"0" * 64}))
    monkeypatch.setattr(uv_download, "pin_of", lambda _: pin)

    installation = installed()

    assert "is not the published one" in str(installation.error)
    assert not own_environment().folder.exists()
    assert index.requests


def test_interrupted_installation_is_known_and_resumed(index: LoopbackIndex) -> None:
    installed()
    environment = own_environment()
    environment.begin()
    shutil.rmtree(environment.folder / "lib")

    assert installed_program() is None
    assert installed().error is None
    assert installed_program() == environment.program
    assert index.requests


@pytest.mark.usefixtures("index")
def test_pytorch_that_may_be_of_another_build_is_replaced() -> None:
    installed()
    unchanged = installed()
    own_environment().begin()  # an exchange of builds was killed
    after_kill = installed()

    assert not any("torch==" in line for line in unchanged.progress.lines)
    for package in ("torch", "torchvision"):
        assert any(re.match(rf" ~ {package}==", line) for line in after_kill.progress.lines)


@pytest.mark.usefixtures("index")
def test_system_without_locks_is_told_before_anything_is_downloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)

    with pytest.raises(ImpastoError, match="cannot be installed from within GIMP"):
        plan()


@pytest.mark.usefixtures("index")
def test_cancelled_installation_leaves_nothing_that_is_used() -> None:
    installation = Installation(plan())
    installation.cancel()
    installation.start()
    installation.wait()

    assert "Cancelled" in str(installation.error)
    assert installed_program() is None


@pytest.mark.usefixtures("index")
def test_folder_of_the_user_and_full_disk_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = own_environment().folder
    folder.mkdir(parents=True)
    (folder / "thesis.txt").touch()
    assert "was not made by Impasto" in str(installed().error)

    (folder / "thesis.txt").unlink()
    usage = shutil.disk_usage("/")._replace(free=50 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "50 MB free" in str(installed().error)
    assert list(folder.iterdir()) == []


def test_index_that_is_gone_is_explained(
    index: LoopbackIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_INDEX", "http://127.0.0.1:9/simple")

    installation = installed()

    assert os.strerror(111) in str(installation.error)
    assert index.requests == []


def test_login_of_the_index_is_used_and_not_shown(
    index: LoopbackIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.login = "user:secret word"
    login = "user:secret%20word@"
    monkeypatch.setenv("IMPASTO_INDEX", index.address.replace("//", f"//{login}"))

    installation = installed()

    assert installation.error is None
    assert plan().host == index.address.split("/")[2]
    assert "secret" not in install_log().read_text()


@pytest.mark.parametrize(
    "noise",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["another protocol", "another document"],
)
def test_server_that_is_no_index_is_no_success(index: LoopbackIndex, noise: bytes) -> None:
    index.noise = noise

    installation = installed()

    assert "Another try continues" in str(installation.error)
    assert installation.progress.step is not Step.DONE
    assert installed_program() is None
