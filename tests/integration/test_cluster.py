"""`impasto batch --scheduler`, with a real Dask scheduler, real workers and the real engine."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import get_task_stream
from PIL import Image as PillowImage

from impasto_daemon.commands.image_file import read_image, write_image
from integration.daemon_process import free_address, picture, wait_for
from integration.dask_cluster import DaskCluster
from integration.scripted_worker import invert

NAMES = [f"{letter}.png" for letter in "abc"]
SMALL = ("--size", "64", "--iterations", "3")
# Some seconds of work.
SLOW = ("--size", "64", "--iterations", "8")
# L-BFGS would end when it finds nothing better.
ENDLESS = ("--size", "64", "--iterations", "10000", "--optimizer", "adam")


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    """A scheduler, whose workers the first test starts: to load PyTorch takes the most time."""
    with DaskCluster() as cluster:
        cluster.start_scheduler()
        add_pictures(cluster.folder)
        yield cluster


def add_pictures(folder: Path) -> None:
    (folder / "photos").mkdir()
    for number, name in enumerate(NAMES):
        write_image(picture(64 + number, 48), folder / "photos" / name)
    write_image(picture(), folder / "wave.png")


def options(cluster: DaskCluster, *more: str) -> list[str]:
    place = ("--scheduler-file", str(cluster.file))
    return ["batch", "photos", "--style", "wave.png", *place, *more]


def batch(cluster: DaskCluster, *more: str) -> subprocess.CompletedProcess[str]:
    return cluster.run(*options(cluster, *more))


def test_workers_come_late_and_one_is_killed_and_each_picture_arrives_once(
    cluster: DaskCluster,
) -> None:
    with cluster.popen(*options(cluster, *SLOW, "-o", "out")) as process:
        assert process.stderr is not None
        waiting = process.stderr.readline()
        cluster.start_workers(3)
        with cluster.client() as client:
            # It will not finish its picture.
            busy = wait_for(lambda: [w for w, tasks in client.processing().items() if tasks], "one")
            worker = client.scheduler_info(n_workers=-1)["workers"][busy[0]]
        cluster.workers[int(worker["name"])].send_signal(signal.SIGKILL)
        out, told = process.communicate()

    assert "no worker with the resource impasto, and is waited for" in waiting
    assert (process.returncode, told) == (0, f"{len(NAMES)} pictures painted.\n")
    assert sorted(out.split()) == [f"out/{name}" for name in NAMES]
    for number, name in enumerate(NAMES):
        painted = read_image(cluster.folder / "out" / name)
        assert (painted.width, painted.height) == (64 + number, 48)
        assert bytes(painted.pixels) != bytes(picture(64 + number, 48).pixels)
    # They are known as those of the same photos, paintings and settings.
    again = batch(cluster, *SLOW, "-o", "out")
    assert (again.stdout, again.stderr) == ("", f"0 pictures painted, {len(NAMES)} there before.\n")


def test_each_film_stays_on_a_worker(cluster: DaskCluster) -> None:
    """Two films of three frames that are alike, on the two workers that are left."""
    names = [f"{number}.png" for number in range(3)]
    for film in ("one", "two"):
        (cluster.folder / film).mkdir()
        for name in names:
            write_image(invert(picture(64, 48)), cluster.folder / film / name)
    command = ("batch", "one", "two", "--sequence", "--style", "wave.png", *SMALL)
    place = ("--scheduler-file", str(cluster.file))

    with cluster.client() as client, get_task_stream(client) as stream:
        completed = cluster.run(*command, "-o", "films", *place)
    again = cluster.run(*command, "-o", "films", *place)

    assert completed.returncode == 0, completed.stderr
    expected = {f"films/{film}/{name}" for film in ("one", "two") for name in names}
    assert set(completed.stdout.split()) == expected
    workers = [task["worker"] for task in stream.data if "painting" not in task["key"]]
    assert sorted(Counter(workers).values()) == [3, 3]
    first, second, _ = (read_image(cluster.folder / "films/one" / name).pixels for name in names)
    # It was painted on from the first: from the photo, it would be the same picture.
    difference = np.subtract(np.frombuffer(first, np.uint8), second, dtype=int)
    assert 0 < np.abs(difference).mean() < 10
    assert again.stderr == "0 pictures painted, 6 there before.\n"


def test_workers_read_and_write_shared_files(cluster: DaskCluster) -> None:
    """The worker sees what is wrong with a photo, and the batch tells it."""
    (cluster.folder / "photos" / "bad.png").write_bytes(b"no picture")
    frames = [PillowImage.new("RGB", (48, 48), (n, n, n)) for n in (0, 255)]
    frames[0].save(cluster.folder / "moving.gif", save_all=True, append_images=frames[1:])

    shared = batch(cluster, "moving.gif", *SMALL, "-o", "shared", "--shared-files")
    sent = batch(cluster, "moving.gif", *SMALL, "-o", "sent")
    again = batch(cluster, "moving.gif", *SMALL, "-o", "shared")
    (cluster.folder / "photos" / "bad.png").unlink()

    photo = cluster.folder / "photos" / "bad.png"
    for completed, name, folder in ((shared, photo, "shared"), (sent, "photos/bad.png", "sent")):
        assert completed.returncode == 1
        told = completed.stderr.splitlines()
        assert told[-2] == f"{len(NAMES) + 1} pictures painted, 1 failed."
        assert told[-1].endswith(f"{name} is not a picture, or its format is not supported.")
        assert re.search("moving.gif is an animation: only its first frame is used", told[0])
        assert len(completed.stdout.split()) == len(NAMES) + 1
        assert len(list((cluster.folder / folder).iterdir())) == len(NAMES) + 1
    assert (
        again.stderr.splitlines()[0]
        == f"0 pictures painted, {len(NAMES) + 1} there before, 1 failed."
    )


def test_workers_stop_when_the_batch_is_interrupted(cluster: DaskCluster) -> None:
    with cluster.popen(*options(cluster, *ENDLESS, "-o", "endless")) as process:
        with cluster.client() as client:
            wait_for(lambda: sum(map(bool, client.processing().values())) > 1, "pictures")
        process.send_signal(signal.SIGINT)
        out, told = process.communicate()

    assert (process.returncode, out) == (130, "")
    assert told.splitlines()[0] == "0 pictures painted."
    # If they painted on, nothing else would ever be finished.
    assert batch(cluster, *SMALL, "-o", "after").returncode == 0


def test_scheduler_is_started_again(cluster: DaskCluster) -> None:
    """The last of the cluster's tests: its workers end with the first scheduler."""
    where = ("--scheduler", cluster.address, "-o", "again")
    command = ["batch", "photos", "--style", "wave.png", *SLOW, *where]
    with cluster.popen(*command) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        first = process.stdout.readline()
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        assert "is lost. Connecting again" in process.stderr.readline()
        cluster.start_scheduler()
        cluster.start_workers(1)
        rest, told = process.communicate()

    assert process.returncode == 0, told
    assert sorted([first.strip(), *rest.split()]) == [f"again/{name}" for name in NAMES]
    assert told.splitlines()[-1] == f"{len(NAMES)} pictures painted."


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates")
def test_scheduler_with_tls_answers_those_with_its_certificate() -> None:
    with DaskCluster(patience_s=3.0) as cluster:
        for name in ("ours", "other"):
            making = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
            files = f"-subj /CN={name} -keyout {name}.key -out {name}.pem"
            command = [*making.split(), *files.split()]
            subprocess.run(command, cwd=cluster.folder, check=True, capture_output=True)
        cluster.secure("ours.pem", "ours.key")
        cluster.start_scheduler()
        add_pictures(cluster.folder)
        command = ["batch", "photos", "--style", "wave.png", "--scheduler", cluster.address]
        with cluster.popen(*command, "-o", "out") as process:
            assert process.stderr is not None
            connected = process.stderr.readline()
            process.send_signal(signal.SIGINT)
        cluster.variables["DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT"] = "other.pem"
        cluster.variables["DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"] = "other.key"
        refused = cluster.run(*command, "-o", "out")

        assert cluster.address.startswith("tls://")
    assert "no worker with the resource impasto" in connected
    assert refused.returncode == 1
    assert "with the certificate of Dask's configuration" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (("--scheduler", free_address()), "No Dask scheduler answers at tcp://"),
        (("--scheduler", "nowhere://1"), "No Dask scheduler answers at nowhere://1"),
        (
            ("--scheduler", "tls://127.0.0.1:9"),
            "tls://127.0.0.1:9 with the certificate of Dask",
        ),
        (("--scheduler-file", "missing.json"), "There is no file missing.json"),
        (("--scheduler-file", "wave.png"), "wave.png is not the file of a Dask scheduler."),
        (("--shared-files",), "--shared-files is for clusters: add --scheduler."),
    ],
)
def test_scheduler_that_is_not_there_is_a_sentence(place: tuple[str, str], sentence: str) -> None:
    with DaskCluster(patience_s=1.0) as cluster:
        add_pictures(cluster.folder)
        refused = cluster.run("batch", "photos", "--style", "wave.png", *SMALL, "-o", "out", *place)

    assert (refused.returncode, refused.stdout) == (1, "")
    (*_, last) = refused.stderr.splitlines()
    assert sentence in last
    assert "Traceback" not in refused.stderr
