"""The daemon and the command line on Windows, as far as Wine is one.

The tests follow each other: each finds the daemon that the one before has left.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from integration.daemon_process import DaemonProcess
from wine.wine import PATIENCE_S, REPOSITORY, Finished, Wine

PHOTO = REPOSITORY / "assets/photos/chelsea.jpg"
PAINTING = REPOSITORY / "assets/styles/auvers.jpg"
SMALL = ("--size", "96", "--iterations", "4")
ENDLESS = ("--size", "96", "--iterations", "10000")
# Of 255: other versions of NumPy and PyTorch, and rounding that many steps have magnified.
LARGEST_MEAN_DIFFERENCE = 4.0


def stylize(wine: Wine, output: Path, *options: str) -> tuple[str, ...]:
    paths = [wine.path(path) for path in (PHOTO, PAINTING)]
    return ("stylize", *paths, "-o", wine.path(output), *options)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.float64)


def is_painting(wine: Wine) -> bool:
    """Returns whether a job has made a step."""
    return any(job["state"] == "running" and job["step"] for job in wine.status()["jobs"])


@pytest.fixture(scope="module")
def painted(wine: Wine) -> tuple[Finished, Path]:
    """The output of the first command, which starts the daemon, and its picture."""
    output = wine.folder / "painted.png"
    finished = wine.run(*stylize(wine, output, *SMALL))
    # Here, else each test of its daemon would fail for a reason of its own.
    assert finished.status == 0, finished.output + wine.log
    return finished, output


def test_command_starts_the_daemon_and_paints(
    painted: tuple[Finished, Path], tmp_path: Path
) -> None:
    finished, output = painted
    assert "Starting the Impasto daemon" in finished.output
    with DaemonProcess() as daemon:
        other = daemon.run(
            "stylize", str(PHOTO), str(PAINTING), "-o", str(tmp_path / "linux.png"), *SMALL
        )
        assert other.returncode == 0, other.stderr

    of_windows, of_linux = pixels(output), pixels(tmp_path / "linux.png")
    assert of_windows.shape == of_linux.shape
    assert np.abs(of_windows - of_linux).mean() <= LARGEST_MEAN_DIFFERENCE
    # The bound means something: the photo itself is further away.
    assert np.abs(pixels(PHOTO) - of_linux).mean() > 2 * LARGEST_MEAN_DIFFERENCE


@pytest.mark.usefixtures("painted")
def test_its_file_has_a_port_and_a_secret(wine: Wine) -> None:
    assert wine.address_file.exists(), wine.log  # which says why the daemon has ended
    address = json.loads(wine.address_file.read_text())

    assert address["endpoint"].startswith("tcp://127.0.0.1:")
    assert len(bytes.fromhex(address["secret"])) == 32


@pytest.mark.usefixtures("painted")
def test_doctor_finds_all_well_but_the_plug_in_and_installs_that(wine: Wine) -> None:
    profile = wine.roaming / "GIMP/3.0"
    profile.mkdir(parents=True)

    before = wine.run("doctor")
    fixed = wine.run("doctor", "--fix", "--json")

    assert "Traceback" not in before.output
    (problem,) = re.findall(r"^problem +(.*)$", before.output, re.MULTILINE)
    assert problem.startswith("plug-in in ")
    assert problem.endswith(": not installed")
    assert "a test picture took" in before.output
    assert fixed.status == 0, fixed.output
    findings = json.loads(fixed.output[fixed.output.index("[") :])
    assert {finding["state"] for finding in findings} <= {"ok", "note"}
    assert (profile / "plug-ins/impasto-gimp/impasto_gimp").is_dir()


def test_setup_says_what_to_do_instead(wine: Wine) -> None:
    finished = wine.run("setup")

    assert finished.status == 1
    assert "impasto doctor --fix" in finished.output


@pytest.mark.usefixtures("painted")
def test_second_daemon_is_refused(wine: Wine) -> None:
    before = wine.address_file.read_bytes()

    second = wine.run("serve")

    assert second.status == 0, second.output
    assert "An Impasto daemon is running already (pid " in second.output
    assert wine.address_file.read_bytes() == before


@pytest.mark.usefixtures("painted")
def test_job_of_a_killed_worker_fails_and_the_next_is_painted(wine: Wine) -> None:
    client, said = wine.start(*stylize(wine, wine.folder / "none.png", *ENDLESS))
    wine.wait_for(lambda: is_painting(wine), "the first step")
    wine.kill_workers()

    assert client.wait(PATIENCE_S) == 1
    assert "The painting process ended unexpectedly" in said.read_text(errors="replace")
    again = wine.folder / "again.png"
    finished = wine.run(*stylize(wine, again, *SMALL))
    assert finished.status == 0, finished.output
    assert again.exists()


@pytest.mark.usefixtures("painted")
def test_job_ends_with_its_client(wine: Wine) -> None:
    client, _ = wine.start(*stylize(wine, wine.folder / "none.png", *ENDLESS))
    wine.wait_for(lambda: is_painting(wine), "the first step")
    client.kill()
    client.wait()

    wine.wait_for(lambda: "is cancelled: its client disconnected" in wine.log, "the end")


@pytest.mark.usefixtures("painted")
def test_daemon_ends_when_it_is_told_to(wine: Wine) -> None:
    finished = wine.run("stop")

    assert finished.status == 0, finished.output
    wine.wait_for(lambda: not wine.address_file.exists(), "the end of the daemon")
    wine.wait_for(lambda: not wine.workers(), "the end of the worker")
    assert "impasto_daemon.server.server: stopped" in wine.log  # Wine may add to it
