"""The command `impasto explore`, run as people run it; what is painted is up to a script."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from impasto_daemon.commands.explore.pictures import flattened
from impasto_daemon.commands.image_file import read_image
from impasto_shared.explore.contact_sheet import ContactSheet
from impasto_shared.explore.experiments import SHEET_NAMES, all_sheets
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import Model
from integration.daemon_process import ROOT, DaemonProcess, wait_for
from integration.scripted_worker import invert

PHOTO = ROOT / "assets/photos/chelsea.jpg"
PAINTING = ROOT / "assets/styles/auvers.jpg"
OTHER_PAINTING = ROOT / "assets/styles/great_wave.jpg"
SIZE = 32
# The networks whose weights the daemon of these tests has.
PAINTING_MODELS = (Model.VGG19,)
SHEETS = {sheet.name: sheet for sheet in all_sheets(SIZE, is_quick=True)}


def explore(
    daemon: DaemonProcess, *arguments: object, folder: str = "out"
) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end, quickly and small."""
    options = ("-o", folder, "--quick", "--size", str(SIZE))
    return daemon.run("explore", *map(str, arguments), *options)


def jobs_done(daemon: DaemonProcess) -> int:
    with daemon.client() as client:
        return client.status().metrics.done


def contents(folder: Path) -> Mapping[str, bytes]:
    """Returns the bytes of every tile, by path."""
    return {
        str(file.relative_to(folder)): file.read_bytes() for file in folder.glob("tiles/*/*.png")
    }


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon with an unusable file for torchvision's VGG-19, and vgg19 alone to paint with."""
    torch_home = tmp_path_factory.mktemp("torch")
    (torch_home / "hub/checkpoints").mkdir(parents=True)
    (torch_home / "hub/checkpoints/vgg19-dcbb9e9d.pth").touch()
    variables = {"SCRIPTED_STEP_S": "0", "TORCH_HOME": str(torch_home)}
    with DaemonProcess(is_scripted=True, variables=variables) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def whole(daemon: DaemonProcess) -> subprocess.CompletedProcess[str]:
    """A run that made all sheets, in the folder `whole`."""
    return explore(daemon, PHOTO, PAINTING, folder="whole")


@pytest.fixture(scope="module")
def folder(daemon: DaemonProcess, whole: subprocess.CompletedProcess[str]) -> Path:
    assert whole.returncode == 0, whole.stderr
    return daemon.folder / "whole"


def test_there_is_a_picture_of_every_sheet_and_a_page(
    whole: subprocess.CompletedProcess[str], folder: Path
) -> None:
    names = [*(f"{name}.png" for name in SHEET_NAMES), "index.html"]

    assert whole.stdout.splitlines() == [f"whole/{name}" for name in names]
    assert all((folder / name).stat().st_size > 1000 for name in names)


@pytest.mark.parametrize("name", SHEET_NAMES)
def test_a_sheet_has_room_for_all_its_pictures(folder: Path, name: str) -> None:
    with PillowImage.open(folder / f"{name}.png") as picture:
        width, height = picture.size

    rows = SHEETS[name].rows
    assert width > max(len(row.tiles) for row in rows) * SIZE
    assert height > (1 + len(rows)) * SIZE * 0.6


def test_every_tile_is_the_picture_that_the_daemon_painted(folder: Path) -> None:
    expected = invert(flattened(read_image(PHOTO), SIZE))

    for sheet in SHEETS.values():
        for tile in sheet.tiles:
            file = folder / "tiles" / sheet.name / f"{tile.name}.png"
            if tile.settings.model in PAINTING_MODELS:
                assert bytes(read_image(file).pixels) == expected.pixels, file


def test_equal_tiles_of_two_sheets_are_painted_once(
    whole: subprocess.CompletedProcess[str], folder: Path
) -> None:
    different = {
        tile.settings
        for sheet in SHEETS.values()
        for tile in sheet.tiles
        if tile.settings.model in PAINTING_MODELS
    }

    assert len(different) < len(contents(folder))
    assert len(re.findall(r"\] +(\d+)/\1 ", whole.stderr)) == len(different)


def test_progress_says_which_tile_of_how_many(whole: subprocess.CompletedProcess[str]) -> None:
    count = sum(len(sheet.tiles) for sheet in SHEETS.values())
    announced = re.findall(r"^(\w+)/([\w-]+) \((\d+) of (\d+)", whole.stderr, re.MULTILINE)

    assert announced[0] == ("content", "relu1_1", "1", str(count))
    numbers = [int(number) for *_, number, _ in announced]
    assert numbers == sorted(set(numbers))
    assert re.search(r"\(\d+ of \d+, about \d+ (s|min) left\)", whole.stderr)


class Page(HTMLParser):
    """The captions, text and link targets of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.captions: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "data", "action", "srcset"):
                self.targets.append(value or "")
            if (tag, name) == ("img", "alt"):
                self.captions.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text())


def test_the_page_needs_nothing_but_itself(folder: Path, page: Page) -> None:
    html = (folder / "index.html").read_text()

    assert all(re.match(r"#\w+$|data:image/jpeg;base64,", target) for target in page.targets)
    assert not re.search(r"https?:|url\(|@import|file:", html)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert str(folder) not in html


def test_the_page_shows_every_tile_with_its_settings_and_its_curve(page: Page) -> None:
    tiles = [
        tile
        for sheet in SHEETS.values()
        for tile in sheet.tiles
        if tile.settings.model in PAINTING_MODELS
    ]
    charts = 2  # of the optimizers

    assert page.captions == ["The photo", "The painting", *(tile.caption for tile in tiles)]
    assert page.tags.count("svg") == len(tiles) + charts
    for sheet in SHEETS.values():
        assert sheet.title in page.text
        assert sheet.shows in page.text
    assert f"impasto stylize {PHOTO} {PAINTING} --iterations 240" in page.text
    assert "--style-loss mmd-gaussian" in page.text


def test_a_network_without_weights_is_left_out_with_the_reason(
    whole: subprocess.CompletedProcess[str], folder: Path, page: Page
) -> None:
    reason = "There are no weights."

    assert whole.stderr.count(f"left out: {reason}") == 1
    assert page.text.count(f"Left out: VGG-19 (torchvision): {reason}") == 1
    for model in ("vgg16", "vgg19_bn", "vgg16_bn", "resnet50"):
        reason = f"The network {model} is not on the daemon's machine."
        assert whole.stderr.count(f"left out: {reason}") == 1
        assert page.text.count(f": {reason} To download it there, run: ") == 1
    assert len(list(folder.glob("tiles/backbones/*vgg19.png"))) == 3
    assert len(list(folder.glob("tiles/backbones/*.png"))) == 3


def test_a_missing_network_is_not_requested(
    whole: subprocess.CompletedProcess[str],
) -> None:
    # Its job would begin with a download.
    requested = set(re.findall(r"backbones/\w+?_([\w-]+) \(", whole.stderr))

    assert requested == {"vgg19", "vgg19-torchvision"}


def test_finished_pictures_are_not_painted_again(daemon: DaemonProcess, folder: Path) -> None:
    before, done = contents(folder), jobs_done(daemon)

    again = explore(daemon, PHOTO, PAINTING, folder="whole")

    assert again.returncode == 0, again.stderr
    assert jobs_done(daemon) == done
    assert contents(folder) == before


def test_another_painting_or_photo_is_painted_again(daemon: DaemonProcess, folder: Path) -> None:
    shutil.copytree(folder, daemon.folder / "copy")
    tiles = len(SHEETS["style"].tiles)

    def painted(*arguments: object) -> int:
        done = jobs_done(daemon)
        explored = explore(daemon, *arguments, "--only", "content,style", folder="copy")
        assert explored.returncode == 0, explored.stderr
        return jobs_done(daemon) - done

    assert painted(PHOTO, OTHER_PAINTING) == tiles  # the content needs none
    assert painted(PHOTO, OTHER_PAINTING) == 0
    assert painted(PAINTING, OTHER_PAINTING) == tiles + len(SHEETS["content"].tiles)


def test_sheets_made_one_by_one_are_on_one_page(daemon: DaemonProcess) -> None:
    folder = daemon.folder / "apart"

    for names in ("backbones", "content", "style"):
        explored = explore(daemon, PHOTO, PAINTING, "--only", names, folder="apart")
        assert explored.returncode == 0, explored.stderr
        assert explored.stdout.split() == [f"apart/{names}.png", "apart/index.html"]

    assert sorted(file.name for file in folder.glob("*.png")) == [
        "backbones.png",
        "content.png",
        "style.png",
    ]
    html = (folder / "index.html").read_text()
    assert re.findall(r'<section id="(\w+)"', html) == ["content", "style", "backbones"]
    assert "Left out: VGG-19" in html


def test_without_a_painting_only_sheets_that_need_none_are_made(daemon: DaemonProcess) -> None:
    explored = explore(daemon, PHOTO, folder="photo")

    assert explored.returncode == 0, explored.stderr
    assert (
        "No painting was given: only the sheets and pictures that need none are made."
        in explored.stderr
    )
    sheets: tuple[ContactSheet, ...] = all_sheets(SIZE, is_quick=True, has_painting=False)
    files = [f"photo/{sheet.name}.png" for sheet in sheets]
    assert explored.stdout.split() == [*files, "photo/index.html"]
    assert "The painting" not in Page((daemon.folder / "photo/index.html").read_text()).captions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PHOTO, PAINTING, "--only", "content,colours"), "There is no sheet 'colours'"),
        ((PHOTO, "--only", "style"), "The sheet style needs a painting"),
        ((PHOTO, PAINTING, "--size", "5"), "Size must lie between"),
        (("absent.jpg",), "absent.jpg cannot be read"),
        ((PHOTO, "absent.jpg"), "absent.jpg cannot be read"),
        ((PHOTO, "-o", "log/out"), "The folder log/out cannot be made"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_an_impossible_request_is_refused_at_once(
    daemon: DaemonProcess, arguments: tuple[object, ...], message: str
) -> None:
    done = jobs_done(daemon)

    refused = daemon.run("explore", "-o", "refused", "--quick", *map(str, arguments))

    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert jobs_done(daemon) == done


@pytest.fixture
def slow_daemon() -> Iterator[DaemonProcess]:
    """A daemon that takes a second for each tile."""
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


def begun(daemon: DaemonProcess, sheet: str) -> subprocess.Popen[str]:
    """Starts the command, and returns it once it has painted one tile."""
    options = ("-o", "out", "--quick", "--size", str(SIZE), "--only", sheet)
    process = subprocess.Popen(
        daemon.command("explore", str(PHOTO), str(PAINTING), *options),
        env=daemon.environment,
        cwd=daemon.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: len(list(daemon.folder.glob("out/tiles/*/*.json"))) == 1, "the first tile")
    return process


def running_job(daemon: DaemonProcess) -> str:
    """Returns the name of the running job as soon as there is one."""

    def running() -> list[str]:
        reports = client.status().jobs
        return [report.job for report in reports if report.state is JobState.RUNNING]

    with daemon.client() as client:
        return wait_for(running, "a job that runs")[0]


def test_an_interrupted_run_is_continued(
    slow_daemon: DaemonProcess,
) -> None:
    with begun(slow_daemon, "style") as process:
        running_job(slow_daemon)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    first, folder = SHEETS["style"].tiles[0], slow_daemon.folder / "out"
    record = (folder / f"tiles/style/{first.name}.json").stat()

    assert process.returncode == 130
    assert (
        "1 of 5 pictures are finished, and kept in out. Run the same command again to continue."
        in said
    )
    with slow_daemon.client() as client:
        wait_for(lambda: client.status().jobs[-1].state is JobState.CANCELLED, "the end of the job")
    assert not (folder / "style.png").exists()

    again = explore(slow_daemon, PHOTO, PAINTING, "--only", "style")

    assert again.returncode == 0, again.stderr
    assert f"style/{first.name}" not in again.stderr
    assert "(2 of 5" in again.stderr
    assert (folder / f"tiles/style/{first.name}.json").stat().st_mtime_ns == record.st_mtime_ns


def test_a_dead_daemon_is_reported_and_pictures_are_kept(
    slow_daemon: DaemonProcess,
) -> None:
    with begun(slow_daemon, "style") as process:
        running_job(slow_daemon)
        slow_daemon.signal(signal.SIGKILL)
        _, said = process.communicate()

    assert process.returncode == 1
    assert "1 of 5 pictures are finished, and kept in out" in said
    assert "The Impasto daemon has stopped answering" in said
    assert "Traceback" not in said


def test_a_tile_that_another_client_cancels_ends_it(slow_daemon: DaemonProcess) -> None:
    with begun(slow_daemon, "style") as process:
        second = running_job(slow_daemon)
        with slow_daemon.client() as client:
            client.cancel(second)
        _, said = process.communicate()

    assert process.returncode == 1
    assert "The picture style/up_to_relu2_1 was cancelled." in said


def test_lower_layers_keep_the_photo_and_higher_ones_let_go(shared_daemon: DaemonProcess) -> None:
    explored = explore(shared_daemon, PHOTO, "--only", "content", folder="real")

    assert explored.returncode == 0, explored.stderr
    photo = flattened(read_image(PHOTO), SIZE)

    def error(layer: str) -> float:
        file = shared_daemon.folder / f"real/tiles/content/{layer}.png"
        pixels = read_image(file).pixels
        return sum((a - b) ** 2 for a, b in zip(pixels, photo.pixels, strict=True)) / len(pixels)

    first, second, *deeper = (error(f"relu{block}_1") for block in range(1, 6))
    assert first < 25  # 34 dB
    assert first < second < min(deeper) / 2
