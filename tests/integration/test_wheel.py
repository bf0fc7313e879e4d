"""The wheel in a fresh environment: the command, the doctor, and a picture."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from build_release import build_wheel, write_bill_of_materials
from impasto_daemon.commands.image_file.reading import read_image
from impasto_shared import __version__
from integration.daemon_process import PATIENCE_S, ROOT, DaemonProcess
from release.installed_release import install_wheel

PHOTO = ROOT / "assets/photos/chelsea.jpg"
PAINTING = ROOT / "assets/styles/auvers.jpg"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of an environment with nothing of Impasto but its wheel."""
    return install_wheel(build_wheel(tmp_path), tmp_path / "environment")


def test_wheel_alone_paints_a_picture_and_finds_itself_well(python: Path) -> None:
    impasto = str(python.with_name("impasto"))
    quick = ("--iterations", "2", "--size", "64")
    painting = (str(PHOTO), str(PAINTING), "-o", "out.png", *quick)
    where = "import impasto_shared, impasto_daemon as d; print(d.__file__, impasto_shared.__file__)"
    with DaemonProcess(python=python, variables={"PYTHONPATH": ""}) as daemon:

        def output(*command: str) -> str:
            completed = subprocess.run(
                command,
                cwd=daemon.folder,
                env=daemon.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S * 4,
            )
            assert completed.stdout, completed.stderr
            return completed.stdout

        modules = output(str(python), "-P", "-c", where).split()
        assert [path for path in modules if not path.startswith(str(python.parents[1]))] == []
        assert output(impasto, "--version") == f"impasto {__version__}\n"
        assert output(impasto, "stylize", *painting) == "out.png\n"
        picture = read_image(daemon.folder / "out.png")
        findings = json.loads(output(impasto, "doctor", "--json"))

    photo = read_image(PHOTO)
    assert (picture.width, picture.height) == (photo.width, photo.height)
    assert picture.pixels != photo.pixels
    about = {finding["topic"]: finding for finding in findings}
    assert about["Impasto"]["text"].startswith(f"{__version__} in {python.parents[1]}")
    for topic in ("Impasto", "PyTorch", "daemon", "painting"):
        assert about[topic]["state"] == "ok", about[topic]


def test_bill_of_materials_names_what_comes_with_the_wheel(python: Path, tmp_path: Path) -> None:
    file = write_bill_of_materials(tmp_path, str(python))

    bill = json.loads(file.read_text())
    versions = {part["name"]: part["version"] for part in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "impasto"
    assert versions["impasto"] == __version__
    assert {"torch", "pyzmq", "pillow", "numpy"} <= versions.keys()
