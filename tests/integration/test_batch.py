"""The command `impasto batch` and `impasto_shared.batch`, with real daemons."""

import os
import re
import resource
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

from impasto_daemon.commands.batch.locally import paint_locally
from impasto_daemon.commands.batch.plan import Painting, Picture
from impasto_daemon.commands.batch.record import PaintingSource
from impasto_daemon.commands.batch.results import Batch
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_shared.batch import Event, Failed, Painted, Progress, Task, Work, paint_all
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, DaemonUnavailable, ErrorCode, InvalidImage
from impasto_shared.image import Image
from impasto_shared.protocol.messages import StatusReport
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, is_alive, picture, wait_for
from integration.scripted_jobs import submit
from integration.scripted_worker import Behaviour, invert

NAMES = ("a", "b", "c")
# Less than the files that are open anyway may take, and more than the smallest picture.
LIMIT_BYTES = 2000
SOURCE = PaintingSource("wave.png", "0", 1.0)
PAINTING = Painting(Path("wave.png"), b"", SOURCE, Style(picture()))


@pytest.fixture
def service() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        photos = daemon.folder / "photos"
        photos.mkdir()
        for number, name in enumerate(NAMES):
            write_image(numbered(number), photos / f"{name}.png")
        write_image(picture(), daemon.folder / "wave.png")
        write_image(picture(32, 32), daemon.folder / "auvers.png")
        yield daemon


def numbered(number: int) -> Image:
    return picture(64 + number, 48)


def batch(daemon: DaemonProcess, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = ("--style", "wave.png", "-o", "out", "--iterations", "3", *options)
    return daemon.run("batch", *arguments)


def painted(daemon: DaemonProcess) -> list[str]:
    return sorted(path.name for path in (daemon.folder / "out").iterdir())


def test_folder_is_painted_photo_by_photo(service: DaemonProcess) -> None:
    completed = batch(service, "photos")

    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.split() == ["out/a.png", "out/b.png", "out/c.png"]
    assert completed.stderr == "3 pictures painted.\n"
    for number, name in enumerate(NAMES):
        pixels = read_image(service.folder / f"out/{name}.png").pixels
        assert bytes(pixels) == invert(numbered(number)).pixels
    with service.client() as client:
        assert [report.kept_s for report in client.jobs()] == [None] * len(NAMES)


def test_finished_pictures_are_not_painted_again(service: DaemonProcess) -> None:
    batch(service, "photos")
    (service.folder / "out/b.png").unlink()
    (service.folder / "photos/a.png").rename(service.folder / "photos/a.PNG")
    before = (service.folder / "out/a.png").stat()

    completed = batch(service, "photos")
    after = (service.folder / "out/a.png").stat()

    assert completed.stdout == "out/b.png\n"
    assert completed.stderr == "1 picture painted, 2 there before.\n"
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("change", ["photo", "settings", "painting"])
def test_picture_of_something_else_is_not_replaced_unasked(
    service: DaemonProcess, change: str
) -> None:
    batch(service, "photos/a.png")
    before = (service.folder / "out/a.png").read_bytes()
    options = ["photos/a.png"]
    match change:
        case "photo":
            write_image(numbered(9), service.folder / "photos/a.png")
        case "settings":
            options += ["--iterations", "4"]
        case "painting":
            write_image(picture(33, 33), service.folder / "wave.png")

    refused = batch(service, *options)
    after = (service.folder / "out/a.png").read_bytes()
    replaced = batch(service, *options, "--overwrite")

    assert (refused.returncode, refused.stdout, after) == (1, "", before)
    assert "out/a.png exists, and is not this picture" in refused.stderr
    assert (replaced.returncode, replaced.stdout) == (0, "out/a.png\n"), replaced.stderr
    assert batch(service, *options).stderr == "0 pictures painted, 1 there before.\n"


def test_each_photo_after_each_painting(service: DaemonProcess) -> None:
    options = ("--style", "auvers.png", "--each", "--name", "{number}-{painting}.jpg")

    completed = batch(service, "photos/a.png", "photos/c.png", *options)

    assert completed.returncode == 0, completed.stderr
    assert painted(service) == ["1-auvers.jpg", "1-wave.jpg", "2-auvers.jpg", "2-wave.jpg"]


def test_bad_photos_cost_only_themselves(service: DaemonProcess) -> None:
    (service.folder / "photos/b.png").write_bytes(b"no picture")
    (service.folder / "empty").mkdir()
    write_image(picture(), service.folder / "c.jpg")

    completed = batch(service, "photos", "missing.jpg", "empty", "*.gif", "c.jpg")

    assert completed.returncode == 1
    assert completed.stdout.split() == ["out/a.png", "out/c.png"]
    first, *reasons = completed.stderr.splitlines()
    assert first == "2 pictures painted, 5 failed."
    assert sorted(reasons) == [
        "impasto: No file matches *.gif.",
        "impasto: The folder empty has no pictures.",
        "impasto: c.jpg would have the same name as photos/c.png: out/c.png. Use {number} in "
        "--name.",
        "impasto: missing.jpg cannot be read: no such file or directory.",
        "impasto: photos/b.png is not a picture, or its format is not supported.",
    ]


def test_names_that_no_file_can_have_cost_only_themselves(service: DaemonProcess) -> None:
    long = "x" * 300
    (service.folder / "list").write_text(f"{long}.jpg\nnull\0.jpg\nphotos/a.png\n")
    too_long = f"{{photo}}{'y' * 252}{{number}}.png"

    completed = batch(service, "--list", "list")
    refused = batch(service, "photos/a.png", "--name", too_long)

    assert (completed.returncode, completed.stdout) == (1, "out/a.png\n"), completed.stderr
    assert completed.stderr.splitlines() == [
        "1 picture painted, 2 failed.",
        f"impasto: {long}.jpg cannot be read: file name too long.",
        "impasto: null.jpg cannot be read: a name of a file has no null character.",
    ]
    assert refused.returncode == 1
    assert re.search(r"ya?1.png cannot be written: file name too long", refused.stderr)


def test_photo_that_vanishes_while_it_is_painted_is_written(service: DaemonProcess) -> None:
    """Its record is that of the file that was read, as it is if the photo is replaced."""
    with service.client() as client:
        blocking = submit(client, 10_000)
        command = service.command("batch", "photos/a.png", "--style", "wave.png", "-o", "out")
        with subprocess.Popen(
            [*command, "--iterations", "3"],
            env=service.environment,
            cwd=service.folder,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            wait_for(lambda: len(client.jobs()) == 2, "the batch's job")
            photo = (service.folder / "photos/a.png").rename(service.folder / "a.png")
            client.cancel(blocking)
            assert process.wait() == 0

    photo.rename(service.folder / "photos/a.png")
    assert batch(service, "photos/a.png").stderr == "0 pictures painted, 1 there before.\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "No photo is given"),
        (("photos", "--style", "missing.png"), "missing.png cannot be read"),
        (("photos", "--style"), "No painting is given|expected at least one argument"),
        (("photos", "--weights", "1", "2"), "--weights needs one value for each painting: 1"),
        (("photos", "--name", "same.png"), "all pictures would have the same name"),
        (("photos", "-o", "wave.png"), "wave.png"),
    ],
)
def test_what_no_picture_can_be_painted_with_is_refused_at_once(
    service: DaemonProcess, options: tuple[str, ...], reason: str
) -> None:
    completed = batch(service, *options)

    assert completed.returncode in (1, 2)
    assert re.search(reason, completed.stderr)
    assert "Traceback" not in completed.stderr
    assert completed.stdout == ""


def test_originals_are_never_replaced(service: DaemonProcess) -> None:
    before = [(service.folder / f"photos/{name}.png").read_bytes() for name in NAMES]

    completed = batch(service, "photos", "-o", "photos", "--overwrite")

    assert completed.returncode == 1
    assert completed.stderr.count("is one of the originals") == len(NAMES)
    assert [(service.folder / f"photos/{name}.png").read_bytes() for name in NAMES] == before


def test_picture_that_cannot_be_written_stays_with_the_daemon(service: DaemonProcess) -> None:
    noise = PillowImage.effect_noise((64, 48), 100).convert("RGB")
    noise.save(service.folder / "photos/b.png")

    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    command = service.command("batch", "photos", "--style", "wave.png", "-o", "out")
    completed = subprocess.run(
        [*command, "--iterations", "3"],
        env=service.environment,
        cwd=service.folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_files,
    )

    assert completed.returncode == 1
    assert "2 pictures painted, 1 failed" in completed.stderr
    (job,) = re.findall(r"out/b.png cannot be written.*impasto fetch (\w+)", completed.stderr)
    assert service.run("fetch", job, "-o", "fetched.png").returncode == 0
    assert painted(service) == ["a.png", "c.png"]


def test_interrupted_batch_goes_on(service: DaemonProcess) -> None:
    command = service.command("batch", "photos", "--style", "wave.png", "-o", "out")
    with subprocess.Popen(
        [*command, "--iterations", "100"],
        env=service.environment,
        cwd=service.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "out/a.png\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()

    assert process.returncode == 130
    assert "1 picture painted" in told
    assert "To go on, run the same command again." in told
    with service.client() as client:
        wait_for(lambda: not any(not j.state.is_final for j in client.jobs()), "an idle daemon")
    again = batch(service, "photos", "--iterations", "100")
    assert "there before" in again.stderr
    assert painted(service) == ["a.png", "b.png", "c.png"]


def test_daemon_that_ends_is_started_again(service: DaemonProcess) -> None:
    """The next daemon is the real one: as few steps as possible."""
    service.signal(signal.SIGTERM)
    command = service.command("batch", "photos", "--style", "wave.png", "-o", "out")
    with subprocess.Popen(
        [*command, "--iterations", "3", "--size", "64"],
        env=service.environment,
        cwd=service.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "out/a.png\n"
        with service.client() as client:
            os.kill(client.status().pid, signal.SIGKILL)
        rest, told = process.communicate()
    with service.client() as client:
        daemon = client.status().pid
    os.kill(daemon, signal.SIGTERM)
    wait_for(lambda: not is_alive(daemon), "the daemon's end")

    assert process.returncode == 0, told
    assert rest.split() == ["out/b.png", "out/c.png"]


def task(number: int, steps: int = 3, behaviour: Behaviour = Behaviour.INVERT) -> Task:
    settings = StyleSettings(iterations=steps, seed=behaviour)
    return Task(numbered(number), [Style(picture())], settings)


def last_events(client: Client, works: list[Work]) -> list[Event]:
    return [event for event in paint_all(client, works) if not isinstance(event, Progress)]


def test_batch_from_python(service: DaemonProcess) -> None:
    def unreadable() -> Task:
        raise InvalidImage("It is damaged.")

    works = [
        Work("first", partial(task, 0)),
        Work("damaged", unreadable),
        Work("failing", partial(task, 1, behaviour=Behaviour.FAIL)),
        Work("last", partial(task, 2)),
    ]
    with service.client() as client:
        events = last_events(client, works)

        assert [event.name for event in events if isinstance(event, Painted)] == ["first", "last"]
        failures = {event.name: event.error for event in events if isinstance(event, Failed)}
        assert str(failures["damaged"]) == "It is damaged."
        assert isinstance(failures["failing"], DaemonError)
        for number, event in ((0, events[0]), (2, events[-1])):
            if isinstance(event, Painted) and event.name in ("first", "last"):
                assert bytes(event.image.pixels) == invert(numbered(number)).pixels
                client.forget(event.job)


def test_next_picture_is_sent_while_one_is_painted(service: DaemonProcess) -> None:
    read: list[int] = []

    def reading(number: int) -> Task:
        read.append(number)
        return task(number)

    works = [Work(str(number), partial(reading, number)) for number in range(5)]
    with service.client() as client:
        for event in paint_all(client, works):
            if isinstance(event, Painted):
                # Neither more of them in memory, nor a daemon that has nothing to do.
                assert len(read) <= int(event.name) + 2
        assert read == list(range(5))


def test_workers_are_counted_once_a_picture(
    service: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    with service.client() as client:
        status = client.status

        def counted() -> StatusReport:
            asked.append(status())
            return asked[-1]

        monkeypatch.setattr(client, "status", counted)
        events = last_events(client, [Work(str(n), partial(task, n, 30)) for n in range(3)])

    assert len(events) == 3
    assert len(asked) <= len(events)


@dataclass
class Watching:
    """A display that only remembers."""

    shown: list[tuple[int, float]] = field(default_factory=list)

    def show(self, name: str, finished: int, under_way: float) -> None:
        assert name.endswith(".jpg")
        self.shown.append((finished, under_way))


def test_progress_is_that_of_all_pictures_under_way() -> None:
    with DaemonProcess(options=("--devices", "cpu,cpu"), is_scripted=True) as daemon:
        settings = StyleSettings(iterations=50)
        run, display = Batch(), Watching()
        run.failures.append(InvalidImage("One is damaged."))
        for number in range(3):
            photo = daemon.folder / f"{number}.png"
            write_image(numbered(number), photo)
            run.add(Picture(photo, [PAINTING], settings, daemon.folder / f"{number}.jpg", False))
        paint_locally(run, daemon.endpoint, display)

    shares = [finished + under_way for finished, under_way in display.shown]
    assert shares == sorted(shares)
    assert display.shown[-1] == (3, 0)
    # Two are painted at once, and the third waits.
    assert max(under_way for finished, under_way in display.shown if finished == 0) > 1


def test_closed_batch_cancels_what_is_under_way(service: DaemonProcess) -> None:
    works = [Work(str(number), partial(task, number, 10_000)) for number in range(3)]
    with service.client() as client:
        events = paint_all(client, works)
        next(event for event in events if isinstance(event, Progress) and event.report.step)
        events.close()

        assert {report.state for report in client.jobs()} == {JobState.CANCELLED}


def test_picture_whose_job_is_cancelled_elsewhere_fails(service: DaemonProcess) -> None:
    with service.client() as client, service.client() as other:
        events = []
        for event in paint_all(client, [Work("a", partial(task, 0, 10_000))]):
            if isinstance(event, Progress):
                other.cancel(event.report.job)
            else:
                events.append(event)

    (failed,) = events
    assert isinstance(failed, Failed)
    assert "cancelled" in str(failed.error)


def submit_for_ever(client: Client) -> None:
    while True:
        submit(client, 10_000)


def fill_queue(clients: Sequence[Client]) -> None:
    """Submits jobs until the user of the clients may not have more."""
    for client in clients:
        with pytest.raises(DaemonError) as refused:
            submit_for_ever(client)
        assert refused.value.code is ErrorCode.QUEUE_FULL


def test_full_queue_is_waited_for(service: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = []
    with service.client() as first, service.client() as second, service.client() as client:
        fill_queue([first, second])
        submit_once = client.submit

        def submit_or_make_room(*arguments: Any) -> str:
            try:
                return submit_once(*arguments)
            except DaemonError as error:
                refusals.append(error.code)
                for report in reversed(client.jobs()):  # else each one begins
                    client.cancel(report.job)
                raise

        monkeypatch.setattr(client, "submit", submit_or_make_room)
        events = last_events(client, [Work("a", partial(task, 0))])

    assert refusals == [ErrorCode.QUEUE_FULL]
    assert [type(event) for event in events] == [Painted]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_daemon_that_ends_ends_the_batch_and_no_picture_fails(
    service: DaemonProcess, number: signal.Signals
) -> None:
    works = [Work(str(number), partial(task, number, 10_000)) for number in range(3)]
    rest: list[Event] = []
    with service.client() as client:
        events = paint_all(client, works)
        next(event for event in events if isinstance(event, Progress) and event.report.step)
        service.signal(number)
        with pytest.raises(DaemonUnavailable):
            rest.extend(events)

    assert not [event for event in rest if isinstance(event, Failed)]
