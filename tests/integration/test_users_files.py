"""The user's files outlive every failure of a command, and so does the painting."""

import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from impasto_daemon.commands.image_file import read_image, write_image
from impasto_shared.errors import DaemonError
from impasto_shared.image import Image, PixelFormat
from integration.daemon_process import PATIENCE_S, DaemonProcess
from integration.scripted_worker import invert

PHOTO = Image(64, 48, PixelFormat.RGB_U8, os.urandom(64 * 48 * 3))
QUICK = ("--iterations", "1")
LIMIT_BYTES = 1000
LOSSLESS = [".png", ".tif", ".bmp", ".ppm", ".tga", ".qoi"]
LOSSY = [".jpg", ".webp", ".avif", ".gif", ".jp2"]


@pytest.fixture(scope="module")
def service() -> Iterator[DaemonProcess]:
    """A real daemon whose worker inverts pictures, and a photo in its folder."""
    with DaemonProcess(is_scripted=True) as service:
        write_image(PHOTO, service.folder / "photo.png")
        yield service


def run_limited(service: DaemonProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that can write no file of more than LIMIT_BYTES."""
    return subprocess.run(
        service.command(*arguments),
        env=service.environment,
        cwd=service.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES)),
    )


def advised_fetch(refused: subprocess.CompletedProcess[str]) -> list[str]:
    """Returns the command, without `impasto`, that the error advises in order to fetch again."""
    advice = re.search(r"impasto (fetch \S+ -o OTHER\.png)", refused.stderr)
    assert advice, refused.stderr
    return advice[1].split()


@pytest.mark.parametrize("ending", LOSSLESS + LOSSY)
def test_full_disk_leaves_the_old_file_and_the_painting(
    service: DaemonProcess, tmp_path: Path, ending: str
) -> None:
    output = tmp_path / f"holiday{ending}"
    output.write_bytes(b"the only copy")

    refused = run_limited(service, "stylize", "photo.png", "photo.png", "-o", str(output), *QUICK)
    fetched = service.run(*advised_fetch(refused))

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"{output} cannot be written: file too large" in refused.stderr
    assert output.read_bytes() == b"the only copy"
    assert list(tmp_path.iterdir()) == [output]
    assert fetched.returncode == 0, fetched.stderr
    assert bytes(read_image(service.folder / "OTHER.png").pixels) == invert(PHOTO).pixels


def test_full_disk_leaves_the_photo_that_was_to_be_replaced(service: DaemonProcess) -> None:
    before = (service.folder / "photo.png").read_bytes()

    refused = run_limited(service, "stylize", "photo.png", "photo.png", "-o", "photo.png", *QUICK)

    assert refused.returncode == 1
    assert (service.folder / "photo.png").read_bytes() == before


def test_full_disk_leaves_the_old_file_of_fetch(service: DaemonProcess, tmp_path: Path) -> None:
    output = tmp_path / "holiday.jpg"
    output.write_bytes(b"the only copy")
    job = service.run("stylize", "photo.png", "photo.png", "--detach", *QUICK).stdout.strip()

    refused = run_limited(service, "fetch", job, "--wait", "-o", str(output))
    fetched = service.run(*advised_fetch(refused))

    assert refused.returncode == 1
    assert output.read_bytes() == b"the only copy"
    assert fetched.returncode == 0, fetched.stderr


DEATHS = {
    "as the draft is written": ("os.write", False),
    "as the draft is synced": ("os.fsync", False),
    "as the draft is renamed": ("pathlib.Path.replace", False),
    "as the folder is synced": ("impasto_shared.files.atomic_write.sync_folder", True),
    "as the daemon is told to forget": ("impasto_shared.client.Client.forget", True),
}


@pytest.mark.parametrize("death", DEATHS)
def test_killed_command_leaves_an_old_or_a_new_file_and_the_painting(
    service: DaemonProcess, tmp_path: Path, death: str
) -> None:
    function, is_new = DEATHS[death]
    output = tmp_path / "holiday.png"
    output.write_bytes(b"the only copy")
    owner, _, name = function.rpartition(".")
    program = (
        "import os, pathlib, signal, sys\n"
        "import impasto_shared.client, impasto_shared.files.atomic_write\n"
        "from impasto_daemon.commands import image_file\n"
        "from impasto_daemon.commands.main import main\n"
        "write = image_file.write_image\n"
        "def write_and_die(*arguments):\n"
        f"    {owner}.{name} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    write(*arguments)\n"
        "image_file.write_image = write_and_die\n"
        "main()"
    )

    arguments = ["stylize", "photo.png", "photo.png", "-o", str(output), *QUICK]
    killed = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=service.environment,
        cwd=service.folder,
        check=False,
    )

    assert killed.returncode == -signal.SIGKILL
    if is_new:
        assert bytes(read_image(output).pixels) == invert(PHOTO).pixels
    else:
        assert output.read_bytes() == b"the only copy"
    with service.client() as client:
        newest = client.status().jobs[-1]
        assert bytes(client.fetch(newest.job).pixels) == invert(PHOTO).pixels


def test_daemon_forgets_the_painting_that_is_on_the_disk(
    service: DaemonProcess, tmp_path: Path
) -> None:
    output = tmp_path / "new.png"

    painted = service.run("stylize", "photo.png", "photo.png", "-o", str(output), *QUICK)

    assert painted.returncode == 0, painted.stderr
    assert bytes(read_image(output).pixels) == invert(PHOTO).pixels
    with service.client() as client:
        newest = client.status().jobs[-1]
        with pytest.raises(DaemonError, match="has expired"):
            client.fetch(newest.job)


def test_file_keeps_its_mode_and_a_link_stays_a_link(
    service: DaemonProcess, tmp_path: Path
) -> None:
    target, link = tmp_path / "private.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)

    painted = service.run("stylize", "photo.png", "photo.png", "-o", str(link), *QUICK)

    assert painted.returncode == 0, painted.stderr
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert bytes(read_image(target).pixels) == invert(PHOTO).pixels


def test_named_pipe_is_written_to(service: DaemonProcess, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()

    painted = service.run("stylize", "photo.png", "photo.png", "-o", str(pipe), *QUICK)
    reader.join()
    (tmp_path / "received.png").write_bytes(received[0])

    assert painted.returncode == 0, painted.stderr
    assert bytes(read_image(tmp_path / "received.png").pixels) == invert(PHOTO).pixels


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((f"out{ending}", "cannot hold a picture") for ending in (".xbm", ".blp", ".ico", ".h5")),
        ("n" * 300 + ".png", "file name too long"),
        (".", "the name must end in"),
    ],
)
def test_impossible_output_is_refused_without_a_job(
    service: DaemonProcess, name: str, message: str
) -> None:
    with service.client() as client:
        jobs_before = client.status().jobs

    refused = service.run("stylize", "photo.png", "photo.png", "-o", name, *QUICK)

    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    with service.client() as client:
        assert [each.job for each in client.status().jobs] == [each.job for each in jobs_before]


def test_what_a_jpeg_loses_is_said_and_the_rest_is_written(
    service: DaemonProcess, tmp_path: Path
) -> None:
    with PillowImage.open(service.folder / "photo.png") as opaque:
        opaque.putalpha(128)
        opaque.save(tmp_path / "photo.png")
    photo, output = str(tmp_path / "photo.png"), tmp_path / "out.jpg"

    painted = service.run("stylize", photo, photo, "-o", str(output), *QUICK)

    assert painted.returncode == 0, painted.stderr
    assert f"{output} will have no transparency" in painted.stderr
    assert read_image(output).width == 64


@pytest.mark.parametrize("role", ["photo", "painting"])
@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n", b"BM"])
def test_damaged_file_is_a_sentence(
    service: DaemonProcess, tmp_path: Path, role: str, content: bytes
) -> None:
    (tmp_path / "damaged.png").write_bytes(content)
    files = ["photo.png", "photo.png"]
    files[role == "painting"] = str(tmp_path / "damaged.png")

    refused = service.run("stylize", *files, "-o", str(tmp_path / "out.png"), *QUICK)

    assert refused.returncode == 1
    assert f"impasto: {tmp_path / 'damaged.png'}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_full_disk_leaves_the_pages_of_explore(service: DaemonProcess, tmp_path: Path) -> None:
    arguments = ("explore", "photo.png", "-o", str(tmp_path), "--quick", "--only", "content")
    explored = service.run(*arguments)
    pages = {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    (tile, *_) = (tmp_path / "tiles/content").glob("*.png")
    tile.write_bytes(tile.read_bytes()[:100])  # as a power cut leaves it

    refused = run_limited(service, *arguments)
    again = service.run(*arguments)

    assert explored.returncode == 0, explored.stderr
    assert refused.returncode == 1
    assert "cannot be written" in refused.stderr
    assert "Run the same command again to continue" in refused.stderr
    assert all(file.read_bytes() == content for file, content in pages.items())
    assert not list(tmp_path.rglob(".impasto-*"))
    assert again.returncode == 0, again.stderr
    assert read_image(tile).width > 1
