"""The whole way with nothing but real parts: GIMP, plug-in, daemon, worker and network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from build_release import build_plugin_zip, build_wheel
from gimp.gimps import HERE, REPOSITORY, Home
from impasto_shared.connection.keys import Role, ensure_keys
from impasto_shared.protocol.reports import JobReport, JobState
from integration.daemon_process import DaemonProcess, free_address, wait_for
from release.installed_release import install_wheel, unpack

pytestmark = pytest.mark.gimp

PHOTO = REPOSITORY / "assets/photos/chelsea.jpg"
PAINTING = REPOSITORY / "assets/styles/auvers.jpg"
GIMP_PATIENCE_S = 240.0


def start_painting(home: Home, iterations: int = 20) -> subprocess.Popen[bytes]:
    """Starts a GIMP that paints the photo and writes report.json and painted.png."""
    for file in (HERE / "batch.py", PHOTO, PAINTING):
        shutil.copy(file, home.folder)
    names = ("report.json", PHOTO.name, PAINTING.name, "painted.png")
    files = ", ".join(repr(str(home.folder / name)) for name in names)
    statements = home.batch(f"import batch; batch.paint({files}, {iterations})")
    command = [f"gimp-console-{home.gimp.version}", "-i", "--quit", *statements]
    return home.start(command, home.folder / "gimp.log")


def first_job(daemon: DaemonProcess) -> JobReport | None:
    with daemon.client() as client:
        return next(iter(client.status().jobs), None)


def test_layer_goes_through_a_release_and_comes_back_painted(
    fresh_home: Home, tmp_path: Path
) -> None:
    """The plug-in is unpacked from its zip, and the daemon installed from the wheel."""
    shutil.rmtree(fresh_home.plugin)
    unpack(build_plugin_zip(tmp_path), fresh_home.plugin.parent)
    python = install_wheel(build_wheel(tmp_path), tmp_path / "environment")
    variables = {"PYTHONPATH": ""}
    with DaemonProcess(fresh_home.endpoint, python=python, variables=variables) as daemon:
        start_painting(fresh_home).wait(GIMP_PATIENCE_S)
        job = first_job(daemon)

    report = json.loads((fresh_home.folder / "report.json").read_text())
    assert report["succeeded"], report["message"]
    assert report["layers"] == ["auvers – Background", "Background"]
    assert job is not None
    assert (job.state, job.step) == (JobState.DONE, 20)
    with (
        Image.open(fresh_home.folder / "painted.png") as painted,
        Image.open(PHOTO) as photo,
    ):
        change = ImageStat.Stat(ImageChops.difference(painted.convert("RGB"), photo)).mean
    assert min(change) > 5


def test_layer_goes_to_a_daemon_elsewhere_whose_key_is_configured(
    fresh_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_home.allow_packages()
    address = free_address()
    config = fresh_home.folder / ".config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    key = ensure_keys(Role.CLIENT).public.hex()
    with DaemonProcess(options=["--listen", address], is_scripted=True) as daemon:
        daemon.run("keys", "add", "laptop", key)
        server_key = re.findall(r"Daemon's key .*: +(\w+)", daemon.run("keys").stdout)[0]
        (config / "impasto/config.toml").write_text(
            f'[client]\nendpoint = "{address}"\nserver_key = "{server_key}"\n'
        )
        start_painting(fresh_home).wait(GIMP_PATIENCE_S)
        job = first_job(daemon)

    report = json.loads((fresh_home.folder / "report.json").read_text())
    assert report["succeeded"], report["message"]
    assert report["layers"] == ["auvers – Background", "Background"]
    assert job is not None
    assert (job.client, job.state) == ("GIMP", JobState.DONE)


def test_job_of_a_killed_plug_in_is_cancelled(fresh_home: Home) -> None:
    with DaemonProcess(fresh_home.endpoint) as daemon:
        gimp = start_painting(fresh_home, iterations=10_000)
        running = wait_for(lambda: (job := first_job(daemon)) and job.step and job, "a first step")
        (plug_in,) = fresh_home.plug_in_processes()

        subprocess.run(["kill", "-KILL", str(plug_in)], check=True)
        wait_for(
            lambda: (job := first_job(daemon)) and job.state is JobState.CANCELLED,
            "the cancellation",
        )
        gimp.wait(GIMP_PATIENCE_S)

    assert running.state is JobState.RUNNING
