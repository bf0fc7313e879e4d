"""A folder's sheets painted with a client that answers at once."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from impasto_daemon.commands.explore.folder import Folder
from impasto_daemon.commands.explore.painting import FolderPainter, TileCancelled
from impasto_daemon.commands.explore.pictures import Originals
from impasto_shared.client import Client as RealClient
from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import CurvePoint, JobReport, JobState
from impasto_shared.settings import Mode, Model, StyleSettings
from impasto_shared.style import Style

PHOTO = Image(2, 1, PixelFormat.RGB_U8, bytes(range(6)))
PAINTING = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
CURVE = (CurvePoint(1, 0.0, 0.5),)

CONTENT = SheetTile("content", "Content", StyleSettings(size=64, mode=Mode.CONTENT))
BOTH = SheetTile("both", "Both", StyleSettings(size=64))
VGG16 = SheetTile("vgg16", "VGG-16", StyleSettings(size=64, model=Model.VGG16))


def sheet(*tiles: SheetTile) -> ContactSheet:
    return ContactSheet("sheet", "A sheet", "", (SheetRow("", tiles),))


class Client:
    """A client of a daemon that has VGG-19 and takes a minute for each job."""

    silent_s = 0.0

    def __init__(self, state: JobState = JobState.DONE) -> None:
        self.submitted: list[tuple[Sequence[Style], StyleSettings]] = []
        self.forgotten: list[str] = []
        self._state = state

    def submit(self, photo: Image, styles: Sequence[Style], settings: StyleSettings) -> str:
        assert photo is PHOTO
        self.submitted.append((styles, settings))
        return "job"

    def poll(self, timeout_s: float) -> list[JobReport]:  # noqa: ARG002
        return [JobReport("job", self._state, step=1, steps=1, done=1.0)]

    def fetch(self, _job: str) -> Image:
        return PHOTO

    def curve(self, _job: str) -> tuple[CurvePoint, ...]:
        return CURVE

    def status(self) -> SimpleNamespace:
        return SimpleNamespace(models=("vgg19",), worker=SimpleNamespace(model="vgg19"))

    def forecast(self, _settings: StyleSettings, _width: int, _height: int) -> SimpleNamespace:
        return SimpleNamespace(painting_s=60.0)

    def forget(self, job: str) -> None:
        self.forgotten.append(job)


class Run:
    """A run of the command in a folder, with the lines that it prints."""

    def __init__(self, folder: Path, *tiles: SheetTile, state: JobState = JobState.DONE) -> None:
        self.client = Client(state)
        self.said: list[str] = []
        self.folder = Folder(folder, Originals(PHOTO, PAINTING))
        sheets = [sheet(*tiles)]
        self.painter = FolderPainter(
            cast(RealClient, self.client), self.folder, sheets, self.said.append
        )


def test_each_tile_is_painted_with_the_painting_only_if_it_needs_one(tmp_path: Path) -> None:
    run = Run(tmp_path, CONTENT, BOTH)

    (painted,) = run.painter.paint()

    assert run.client.submitted == [([], CONTENT.settings), ([Style(PAINTING)], BOTH.settings)]
    assert run.client.forgotten == ["job", "job"]
    assert {tile.model for tile in painted.pictures.values()} == {"vgg19"}
    assert all(tile.file.exists() for tile in painted.pictures.values())


def test_each_tile_is_announced_with_the_remaining_time(tmp_path: Path) -> None:
    run = Run(tmp_path, CONTENT, BOTH)

    list(run.painter.paint())

    assert run.said == [
        "sheet/content (1 of 2, about 2 min left)",
        "sheet/both (2 of 2, about 60 s left)",
    ]


def test_the_next_run_finds_finished_tiles(tmp_path: Path) -> None:
    list(Run(tmp_path, CONTENT).painter.paint())
    again = Run(tmp_path, CONTENT, BOTH)

    (painted,) = again.painter.paint()

    assert again.client.submitted == [([Style(PAINTING)], BOTH.settings)]
    assert list(painted.pictures) == ["content", "both"]


def test_a_missing_network_is_printed_once_and_noted_in_the_folder(tmp_path: Path) -> None:
    run = Run(tmp_path, VGG16)

    (painted,) = run.painter.paint()

    assert not run.client.submitted
    (line,) = run.said
    assert line.startswith("left out: The network vgg16 is not on the daemon's machine.")
    assert run.folder.find_sheet(sheet(VGG16)) == painted


def test_a_cancelled_tile_ends_it(tmp_path: Path) -> None:
    run = Run(tmp_path, BOTH, state=JobState.CANCELLED)

    with pytest.raises(TileCancelled, match="sheet/both was cancelled"):
        list(run.painter.paint())
