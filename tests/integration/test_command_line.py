"""The command `impasto`, run as people and scripts run it."""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from impasto_daemon.commands.image_file import read_image, write_image
from impasto_shared import __version__
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import SETTINGS, StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import (
    ENDLESS,
    ROOT,
    SMALL,
    DaemonProcess,
    is_alive,
    picture,
    wait_for,
)

PHOTO = ROOT / "assets/photos/chelsea.jpg"
PHOTO_WIDTH_PX = 451
PAINTING = ROOT / "assets/styles/auvers.jpg"
QUICK = ("--iterations", "3", "--size", "64")


@pytest.fixture
def machine() -> Iterator[DaemonProcess]:
    """A machine where no daemon runs yet; a daemon that a command starts is stopped at the end."""
    machine = DaemonProcess()
    yield machine
    if machine.answers():
        with machine.client() as client:
            daemon = client.status().pid
        subprocess.run(["kill", str(daemon)], check=True)
        wait_for(lambda: not is_alive(daemon), "the daemon's end")
    machine.end()


def test_stylize_writes_a_painting_of_the_photos_size(shared_daemon: DaemonProcess) -> None:
    completed = shared_daemon.run("stylize", str(PHOTO), str(PAINTING), "-o", "out.png", *QUICK)

    assert (completed.returncode, completed.stdout) == (0, "out.png\n"), completed.stderr
    photo, painting = read_image(PHOTO), read_image(shared_daemon.folder / "out.png")
    assert (painting.width, painting.height) == (photo.width, photo.height)
    assert painting.pixels != photo.pixels


def test_same_seed_gives_the_same_file() -> None:
    def paint(name: str, seed: str) -> bytes:
        options = ("--start", "noise", "--seed", seed)
        completed = daemon.run("stylize", str(PHOTO), str(PAINTING), "-o", name, *QUICK, *options)
        assert completed.returncode == 0, completed.stderr
        return (daemon.folder / name).read_bytes()

    # Two threads, which leave the processors to others while they wait for each other.
    threads = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
    with DaemonProcess(variables=threads) as daemon:
        assert paint("a.png", "1") == paint("b.png", "1") != paint("c.png", "2")


def test_stylize_starts_a_daemon_that_stays(machine: DaemonProcess) -> None:
    completed = machine.run("stylize", str(PHOTO), str(PAINTING), "-o", "out.png", *QUICK)

    assert completed.returncode == 0, completed.stderr
    assert "Starting the Impasto daemon" in completed.stderr
    assert machine.answers()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.png", None, "absent.png cannot be read"),
        ("empty.png", b"", "empty.png is not a picture"),
        ("words.png", b"words", "words.png is not a picture"),
    ],
)
def test_unusable_painting_is_named_before_a_daemon_is_needed(
    machine: DaemonProcess, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (machine.folder / name).write_bytes(content)

    refused = machine.run("stylize", str(PHOTO), name, "-o", "out.png")

    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not machine.answers()


@pytest.mark.parametrize("output", ["out.docx", "absent/out.png"])
def test_output_that_cannot_be_written_is_refused_at_once(
    machine: DaemonProcess, output: str
) -> None:
    refused = machine.run("stylize", str(PHOTO), str(PAINTING), "-o", output)

    assert refused.returncode == 1
    assert output in refused.stderr
    assert not machine.answers()


@pytest.fixture
def region(shared_daemon: DaemonProcess) -> Path:
    """A picture as large as the photo, white on its left half."""
    photo = read_image(PHOTO)
    half = photo.width // 2
    row = bytes([255] * 3 * half + [0] * 3 * (photo.width - half))
    path = shared_daemon.folder / "region.png"
    write_image(Image(photo.width, photo.height, PixelFormat.RGB_U8, row * photo.height), path)
    return path


@pytest.mark.parametrize(
    "options",
    [
        ["--weights", "3", "1"],
        ["--regions", "region.png", "-"],
        ["--regions", "region.png", "region.png"],
    ],
)
def test_several_paintings_and_their_regions(
    shared_daemon: DaemonProcess, region: Path, options: list[str]
) -> None:
    paintings = [str(PAINTING), str(PAINTING.with_name("great_wave.jpg"))]
    plain, both = ("plain.png", "both.png")

    first = shared_daemon.run("stylize", str(PHOTO), paintings[0], "-o", plain, *QUICK)
    completed = shared_daemon.run("stylize", str(PHOTO), *paintings, "-o", both, *QUICK, *options)

    assert region.exists()
    assert (first.returncode, completed.returncode) == (0, 0), completed.stderr
    assert (shared_daemon.folder / plain).read_bytes() != (shared_daemon.folder / both).read_bytes()


def difference(one: Path, other: Path) -> float:
    """Returns the mean absolute difference of two pictures of 8 bits."""
    pairs = zip(bytes(read_image(one).pixels), bytes(read_image(other).pixels), strict=True)
    differences = [abs(first - second) for first, second in pairs]
    return sum(differences) / len(differences)


def test_stylize_continues_a_smaller_picture(shared_daemon: DaemonProcess) -> None:
    small, larger, fresh = (shared_daemon.folder / f"{name}.png" for name in ("s", "l", "f"))
    files = str(PHOTO), str(PAINTING)
    options = "--start", "noise", "--iterations", "1", "--size", "64"
    shared_daemon.run("stylize", *files, "-o", str(small), *QUICK)

    done = shared_daemon.run(
        "stylize", *files, "-o", str(larger), *options, "--begin-from", str(small), "32"
    )
    shared_daemon.run("stylize", *files, "-o", str(fresh), *options)

    assert done.returncode == 0, done.stderr
    assert difference(small, larger) < difference(small, fresh) / 3


@pytest.mark.parametrize(
    ("beginning", "message"),
    [
        ((str(PAINTING), "64"), "it needs the same proportions"),
        ((str(PHOTO), "x"), "got 'x' for the size"),
        ((str(PHOTO), "20000"), "between 1 and 16384; got 20000"),
        (("missing.png", "64"), "missing.png"),
    ],
    ids=["another picture", "no number", "too large", "no file"],
)
def test_picture_that_cannot_be_continued_is_refused_before_a_daemon_is_needed(
    machine: DaemonProcess, beginning: tuple[str, str], message: str
) -> None:
    refused = machine.run(
        "stylize", str(PHOTO), str(PAINTING), "-o", "out.png", "--begin-from", *beginning
    )

    assert refused.returncode == 1
    assert message in refused.stderr
    assert not machine.answers()


def test_options_may_stand_between_the_files(shared_daemon: DaemonProcess) -> None:
    options = ("--iterations", "3", "-o", "between.png", "--size", "64")
    completed = shared_daemon.run("stylize", str(PHOTO), *options[:4], str(PAINTING), *options[4:])
    first = shared_daemon.run("stylize", *options, str(PHOTO), str(PAINTING))

    assert (completed.returncode, completed.stdout) == (0, "between.png\n"), completed.stderr
    assert (first.returncode, first.stdout) == (0, "between.png\n"), first.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([str(PAINTING), "--weights", "1", "2"], "--weights needs one value for each painting: 1"),
        ([str(PAINTING), "--weights", "0"], "The weight of a style must be above 0"),
        ([str(PAINTING), "--regions", str(PAINTING)], "but the photo is 451"),
        ([str(PAINTING), "--parts", str(PHOTO)], "Give the mask the size of the painting"),
        ([str(PAINTING), "--regions", "absent.png"], "absent.png cannot be read"),
        ([], "No style is given"),
    ],
)
def test_styles_that_do_not_fit_are_refused_before_a_daemon_is_needed(
    machine: DaemonProcess, options: list[str], message: str
) -> None:
    refused = machine.run("stylize", str(PHOTO), *options, "-o", "out.png")

    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not machine.answers()


def test_black_region_is_refused_by_the_daemon(shared_daemon: DaemonProcess) -> None:
    photo = read_image(PHOTO)
    black = Image(
        photo.width, photo.height, PixelFormat.RGB_U8, bytes(3 * photo.width * photo.height)
    )
    write_image(black, shared_daemon.folder / "black.png")

    refused = shared_daemon.run(
        "stylize", str(PHOTO), str(PAINTING), "-o", "out.png", "--regions", "black.png"
    )

    assert refused.returncode == 1
    assert "region of a style is empty" in refused.stderr


def test_layer_that_the_model_lacks_is_refused(shared_daemon: DaemonProcess) -> None:
    options = ("--model", "vgg19", "--style-layers", "relu3_5")

    refused = shared_daemon.run("stylize", str(PHOTO), str(PAINTING), "-o", "out.png", *options)

    assert refused.returncode == 1
    assert "The network has no layer relu3_5" in refused.stderr


def test_model_that_does_not_exist_is_refused_with_those_that_do(
    shared_daemon: DaemonProcess,
) -> None:
    refused = shared_daemon.run(
        "stylize", str(PHOTO), str(PAINTING), "-o", "out.png", "--model", "resnet51"
    )

    assert refused.returncode == 1
    assert "There is no model 'resnet51'. There are vgg19, vgg19-torchvision," in refused.stderr
    assert re.search(r"such as .*resnet50", refused.stderr)


def test_network_may_have_its_name_from_an_earlier_version(shared_daemon: DaemonProcess) -> None:
    options = ("--model", "vgg16-hed", "--size", "32", "--iterations", "3")

    painted = shared_daemon.run("stylize", str(PHOTO), str(PAINTING), "-o", "old.png", *options)

    assert painted.returncode == 0, painted.stderr
    with shared_daemon.client() as client:
        assert client.status().worker.model == "vgg19"


def test_texture_has_the_requested_size(shared_daemon: DaemonProcess) -> None:
    size = ("--width", "70", "--height", "50", "--iterations", "3")

    completed = shared_daemon.run("texture", str(PAINTING), "-o", "texture.png", *size)

    assert (completed.returncode, completed.stdout) == (0, "texture.png\n"), completed.stderr
    texture = read_image(shared_daemon.folder / "texture.png")
    assert (texture.width, texture.height) == (70, 50)
    assert len(set(bytes(texture.pixels))) > 20


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (["--width", "0"], "Width must lie between 1 and 16384; got 0."),
        (["--height", "70000"], "Height must lie between 1 and 16384; got 70000."),
        (["--width", "16000", "--height", "16000"], "at most 100 megapixels"),
    ],
    ids=["too-narrow", "too-high", "too-large"],
)
def test_texture_of_no_possible_size_is_refused(
    machine: DaemonProcess, size: list[str], reason: str
) -> None:
    refused = machine.run("texture", str(PAINTING), "-o", "texture.png", *size)

    assert refused.returncode == 1
    assert reason in refused.stderr


def test_content_needs_no_painting(shared_daemon: DaemonProcess) -> None:
    completed = shared_daemon.run(
        "stylize", str(PHOTO), "-o", "content.png", *QUICK, "--mode", "content"
    )

    assert completed.returncode == 0, completed.stderr
    assert (shared_daemon.folder / "content.png").exists()


def test_setting_out_of_range_is_refused_with_its_range(machine: DaemonProcess) -> None:
    refused = machine.run("stylize", "a", "b", "-o", "c.png", "--style-strength", "11")

    assert refused.returncode == 1
    assert "Style strength must lie between 0 and 10; got 11.0." in refused.stderr


def test_every_setting_is_an_option_with_its_help_and_default(machine: DaemonProcess) -> None:
    text = " ".join(machine.run("stylize", "--help").stdout.split())

    for setting in SETTINGS:
        option = "--" + setting.name.replace("_", "-")
        assert option in text
        help_text = setting.help[0].lower() + setting.help[1:]
        assert f"{help_text} (default: {setting.default})" in text.replace("- ", "-")


def test_status_shows_running_jobs_to_people_and_to_programs(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        next(report for report in client.updates(job) if report.step)

        for_people = shared_daemon.run("status").stdout
        for_programs = json.loads(shared_daemon.run("status", "--json").stdout)

    assert f"Impasto {__version__}, pid {shared_daemon.pid}" in for_people
    assert re.search(r"^Networks on the daemon's machine: vgg19\b", for_people, re.MULTILINE)
    assert for_programs["models"][0] == "vgg19"
    assert re.search(rf"{job[:8]}  running .* 64 × 48 .*loss", for_people)
    assert for_programs["pid"] == shared_daemon.pid
    assert [entry["state"] for entry in for_programs["jobs"] if entry["job"] == job] == ["running"]


def test_cancel_ends_the_job_by_the_beginning_of_its_name(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))

        completed = shared_daemon.run("cancel", job[:12])
        *_, final = client.updates(job)

    assert completed.returncode == 0, completed.stderr
    assert f"{job[:8]}  cancelled" in completed.stdout
    assert final.state is JobState.CANCELLED


def test_keep_gives_the_waiting_client_the_picture_so_far(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        next(report for report in client.updates(job) if report.step >= 2)

        completed = shared_daemon.run("keep", job[:12])
        *_, final = client.updates(job)
        client.fetch(job)

    assert completed.returncode == 0, completed.stderr
    assert f"{job[:8]}  running" in completed.stdout
    assert final.state is JobState.DONE


@pytest.mark.parametrize("name", ["", "xyz"])
def test_cancel_of_an_ambiguous_or_unknown_job_ends_none(
    shared_daemon: DaemonProcess, name: str
) -> None:
    with shared_daemon.client() as client:
        jobs = [
            client.submit(picture(), [Style(picture())], StyleSettings(**SMALL)) for _ in range(2)
        ]
        refused = shared_daemon.run("cancel", name)
        finals = [list(client.updates(job))[-1].state for job in jobs[:1]]

    assert refused.returncode == 1
    assert "See: impasto jobs." in refused.stderr
    assert finals == [JobState.DONE]


def test_stylize_cancelled_from_elsewhere_says_so(shared_daemon: DaemonProcess) -> None:
    with subprocess.Popen(
        shared_daemon.command(
            "stylize", str(PHOTO), str(PAINTING), "-o", "never.png", "--iterations", "10000"
        ),
        env=shared_daemon.environment,
        cwd=shared_daemon.folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as stylize:
        assert stylize.stderr is not None
        job = wait_for(lambda: running_job(shared_daemon), "the job")
        shared_daemon.run("cancel", job)

        assert "the job was cancelled" in stylize.stderr.read()
        assert stylize.wait() == 130
    assert not (shared_daemon.folder / "never.png").exists()


def test_interrupted_stylize_cancels_its_job(shared_daemon: DaemonProcess) -> None:
    with subprocess.Popen(
        shared_daemon.command(
            "stylize", str(PHOTO), str(PAINTING), "-o", "never.png", "--iterations", "10000"
        ),
        env=shared_daemon.environment,
        cwd=shared_daemon.folder,
        stderr=subprocess.PIPE,
        text=True,
        # As in a terminal, even if the tests were started in the background.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as stylize:
        assert stylize.stderr is not None
        wait_for(lambda: running_job(shared_daemon), "the job")
        stylize.send_signal(signal.SIGINT)

        assert "impasto: cancelled" in stylize.stderr.read()
        assert stylize.wait() == 130
    wait_for(lambda: not running_job(shared_daemon), "the cancellation")


def running_job(daemon: DaemonProcess) -> str | None:
    """Returns the running job of `PHOTO`, not a smaller one of an earlier test."""
    with daemon.client() as client:
        for report in client.status().jobs:
            if report.state is JobState.RUNNING and report.width == PHOTO_WIDTH_PX:
                return report.job
    return None


@pytest.mark.parametrize("command", [("status",), ("cancel", "abc")])
def test_absent_daemon_is_named(machine: DaemonProcess, command: tuple[str, ...]) -> None:
    refused = machine.run(*command)

    assert refused.returncode == 1
    assert "No Impasto daemon is running" in refused.stderr


def test_stop_ends_the_daemon() -> None:
    with DaemonProcess(is_scripted=True) as daemon:
        stopped = daemon.run("stop")
        answers = daemon.answers()
        again = daemon.run("stop")

    assert (stopped.returncode, again.returncode) == (0, 0), stopped.stderr + again.stderr
    assert f"has ended (process {daemon.pid})" in stopped.stdout
    assert not answers
    assert "No Impasto daemon is running" in again.stdout


def test_second_daemon_leaves_the_first_one_alone(shared_daemon: DaemonProcess) -> None:
    second = shared_daemon.run("serve")

    assert second.returncode == 0
    assert f"running already (pid {shared_daemon.pid})" in second.stderr
    assert shared_daemon.answers()


def test_daemon_serves_loopback_if_asked_to() -> None:
    with DaemonProcess("tcp://127.0.0.1:39207") as daemon, daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
        *_, final = client.updates(job)
        painting: Image = client.fetch(job)

    assert final.state is JobState.DONE
    assert (painting.width, painting.height) == (64, 48)


def test_daemon_refuses_to_serve_other_machines(machine: DaemonProcess) -> None:
    refused = machine.run("serve", "--endpoint", "tcp://0.0.0.0:39208")

    assert refused.returncode == 1
    assert "serves only this machine" in refused.stderr


def test_daemon_refuses_a_folder_that_others_can_enter(machine: DaemonProcess) -> None:
    machine.runtime.mkdir()
    machine.runtime.chmod(0o755)

    refused = machine.run("serve")

    assert refused.returncode == 1
    assert f"chmod 700 '{machine.runtime}'" in refused.stderr


def test_only_the_user_can_open_the_socket(shared_daemon: DaemonProcess) -> None:
    assert shared_daemon.runtime.stat().st_mode & 0o777 == 0o700
    assert (shared_daemon.runtime / "daemon.sock").stat().st_mode & 0o777 == 0o700


def test_stylize_starts_no_second_daemon(
    shared_daemon: DaemonProcess,
) -> None:
    shutil.copy(PHOTO, shared_daemon.folder / "photo.jpg")

    completed = shared_daemon.run("stylize", "photo.jpg", "photo.jpg", "-o", "o.jpg", *QUICK)

    assert "Starting" not in completed.stderr
    assert Path(shared_daemon.folder / "o.jpg").exists()
