"""GIMP in Flatpak's own sandbox, with the permissions of GIMP's package and no override."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from flatpak.sandboxed_gimp import APP, PHOTO, Home, Running
from integration.daemon_process import wait_for

# Of 255: a painting is further from its photo than any rounding.
LEAST_MEAN_DIFFERENCE = 8.0


def assert_is_painted(home: Home, said: str) -> None:
    report = json.loads((home.folder / "report.json").read_text())
    assert report["succeeded"], (report["message"], said)
    assert report["layers"] == ["auvers – Background", "Background"]
    painted, photo = (
        np.asarray(Image.open(path).convert("RGB"), dtype=float)
        for path in (home.folder / "painted.png", PHOTO)
    )
    assert painted.shape == photo.shape
    assert np.abs(painted - photo).mean() > LEAST_MEAN_DIFFERENCE


def test_gimp_in_the_sandbox_paints_without_an_override(home: Home) -> None:
    with Running(home, home.impasto("serve")):
        wait_for(home.sandbox_socket.exists, "the socket for sandboxes")
        painted = home.paint()
        status = json.loads(home.run(*home.impasto("status", "--json")).stdout)

    assert_is_painted(home, painted.stdout + painted.stderr)
    (job,) = status["jobs"]
    assert (job["state"], job["step"]) == ("done", 20)
    assert home.run("flatpak", "override", "--user", "--show", APP).stdout.strip() == ""


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd is not installed")
def test_gimp_in_the_sandbox_has_systemd_start_the_daemon(home: Home) -> None:
    home.sandbox_socket.parent.mkdir(parents=True, mode=0o700)
    variables = [f"{name}={value}" for name, value in home.environment.items()]
    listen = ["systemd-socket-activate", f"--listen={home.sandbox_socket}", "env", *variables]
    with Running(home, [*listen, *home.impasto("serve")]) as systemd:
        wait_for(home.sandbox_socket.exists, "the socket of systemd")
        assert not (home.runtime / "impasto/daemon.lock").exists()
        painted = home.paint()

    assert_is_painted(home, painted.stdout + painted.stderr + systemd.log.read_text())


def test_gimp_in_the_sandbox_without_a_daemon_says_what_helps(home: Home) -> None:
    home.paint()

    report = json.loads((home.folder / "report.json").read_text())
    assert not report["succeeded"]
    assert "impasto setup --service" in report["message"]
    assert "sandbox cannot start one" in report["message"]


def test_sandbox_is_one(home: Home) -> None:
    """It shows neither the runtime folder nor the host's programs, and its Python has no pyzmq."""
    (home.runtime / "impasto").mkdir()
    seen = "import os, sys; print(os.path.exists(sys.argv[1]), os.environ['FLATPAK_ID'])"

    listed = home.in_sandbox("python3", "-c", seen, str(home.runtime / "impasto"))
    zmq = home.in_sandbox("python3", "-c", "import zmq")

    assert listed.stdout.split() == ["False", APP]
    assert "No module named 'zmq'" in zmq.stderr
