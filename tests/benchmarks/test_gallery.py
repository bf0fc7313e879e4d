import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

BENCHMARK = Path(__file__).parents[2] / "benchmarks/gallery.py"
TINY = ("--size", "48", "--photos", "chelsea", "--set", "iterations=2", "scales=1")


def gallery(output: Path, *arguments: str) -> tuple[Path, str, str]:
    """Returns the folder of the pictures, standard output and standard error."""
    command = [sys.executable, str(BENCHMARK), "--output", str(output), *TINY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    (folder,) = output.iterdir()
    return folder, done.stdout, done.stderr


def test_pictures_are_painted_once_and_measured(tmp_path: Path) -> None:
    folder, _, log = gallery(tmp_path, "--pairs", "chelsea,auvers")

    assert "1 of 1 to paint" in log
    first = folder / "chelsea_auvers.png"
    painted_ns = first.stat().st_mtime_ns
    assert json.loads((folder / "settings.json").read_text())["iterations"] == 2

    folder, table, log = gallery(tmp_path, "--paintings", "auvers", "great_wave", "--measures")

    assert "1 of 2 to paint" in log
    assert first.stat().st_mtime_ns == painted_ns
    with Image.open(folder / "chelsea_great_wave.png") as picture:
        assert picture.size == (48, 32)
    with Image.open(folder / "sheet.jpg") as sheet:
        assert sheet.width > 3 * 320
    rows = [line.split(" | ") for line in table.splitlines()]
    assert [row[0] for row in rows[2:]] == [
        "| chelsea, auvers",
        "| chelsea, great_wave",
        "| *chelsea, mean*",
        "| **mean**",
    ]
    assert {len(row) for row in rows} == {10}
    assert (folder / "measures.md").read_text() == table
