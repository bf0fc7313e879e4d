"""`impasto batch` with videos, real daemons and PyAV."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator

import av
import numpy as np
import pytest

from daemon.commands.video_file.clips import HEIGHT, WIDTH, write_clip
from impasto_daemon.commands.image_file import write_image
from impasto_daemon.commands.video_file.reading import Video
from integration.daemon_process import DaemonProcess, picture

FRAMES = 4


@pytest.fixture(scope="module")
def daemon() -> Iterator[DaemonProcess]:
    """A daemon whose pictures are negatives of the photos."""
    with DaemonProcess(is_scripted=True) as daemon:
        write_clip(daemon.folder / "clip.mp4", FRAMES, has_sound=True)
        write_image(picture(), daemon.folder / "wave.png")
        yield daemon


def batch(daemon: DaemonProcess, *options: str) -> subprocess.CompletedProcess[str]:
    return daemon.run("batch", *options, "--style", "wave.png", "--iterations", "3")


def brightness(video: Video) -> list[float]:
    """Returns that of the right half of each frame, from 0 to 255."""
    frames = (video.frame(number) for number in range(video.count))
    pixels = (np.frombuffer(frame.pixels, np.uint8) for frame in frames)
    return [float(each.reshape(HEIGHT, WIDTH, 3)[:, WIDTH // 2 :].mean()) for each in pixels]


def test_video_is_painted_with_its_times_and_its_sound(daemon: DaemonProcess) -> None:
    completed = batch(daemon, "clip.mp4", "-o", "painted.mp4")
    before = (daemon.folder / "painted.mp4").stat()
    again = batch(daemon, "clip.mp4", "-o", "painted.mp4")
    after = (daemon.folder / "painted.mp4").stat()

    assert (completed.returncode, completed.stdout) == (0, "painted.mp4\n"), completed.stderr
    assert completed.stderr == f"{FRAMES} pictures painted.\n"
    original, video = (Video(daemon.folder / name) for name in ("clip.mp4", "painted.mp4"))
    assert list(video.times()) == list(original.times())
    negative = [255 - grey for grey in brightness(original)]
    assert brightness(video) == pytest.approx(negative, abs=6)
    with av.open(str(daemon.folder / "painted.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        (sound,) = container.streams.audio
        packets = sum(packet.size for packet in container.demux(sound))
    with av.open(str(daemon.folder / "clip.mp4")) as container:
        assert packets == sum(packet.size for packet in container.demux(audio=0))
    # The frames are gone with the folder that they were in, and nothing is painted again.
    assert sorted(path.name for path in daemon.folder.glob("painted.mp4*")) == ["painted.mp4"]
    assert (again.returncode, again.stderr) == (0, "0 pictures painted, 1 there before.\n")
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_another_video_is_not_replaced_unasked(daemon: DaemonProcess) -> None:
    write_clip(daemon.folder / "other.mp4", 2)
    before = (daemon.folder / "other.mp4").read_bytes()

    refused = batch(daemon, "clip.mp4", "-o", "other.mp4")
    after = (daemon.folder / "other.mp4").read_bytes()
    replaced = batch(daemon, "clip.mp4", "-o", "other.mp4", "--overwrite")
    original = batch(daemon, "clip.mp4", "-o", "clip.mp4", "--overwrite")

    assert (refused.returncode, after) == (1, before)
    assert "other.mp4 exists, and is not this video" in refused.stderr
    assert (replaced.returncode, replaced.stdout) == (0, "other.mp4\n"), replaced.stderr
    assert original.returncode == 1
    assert "clip.mp4 is one of the originals" in original.stderr


def test_interrupted_video_goes_on(daemon: DaemonProcess) -> None:
    arguments = ("batch", "clip.mp4", "-o", "later.mkv", "--style", "wave.png")
    frames = daemon.folder / "later.mkv.frames"
    with subprocess.Popen(
        daemon.command(*arguments, "--iterations", "60"),
        env=daemon.environment,
        cwd=daemon.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (frames / "000001.png").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, told = process.communicate()
    is_there = (daemon.folder / "later.mkv").exists()
    again = daemon.run(*arguments, "--iterations", "60")

    assert (process.returncode, out, is_there) == (130, "", False)
    assert "To go on, run the same command again." in told
    assert (again.returncode, again.stdout) == (0, "later.mkv\n"), again.stderr
    assert re.fullmatch(r"[1-3] pictures? painted, [1-3] there before.\n", again.stderr)
    assert not frames.exists()
    assert Video(daemon.folder / "later.mkv").count == FRAMES


def test_several_videos_go_to_a_folder_and_bad_ones_cost_only_themselves(
    daemon: DaemonProcess,
) -> None:
    write_clip(daemon.folder / "second.mkv", 2)
    (daemon.folder / "text.mp4").write_text("no video")
    cut = daemon.folder / "cut.mp4"
    write_clip(cut, 30, options={"movflags": "faststart"}, size=(160, 120))
    cut.write_bytes(cut.read_bytes()[:-150])

    completed = batch(
        daemon, "clip.mp4", "second.mkv", "text.mp4", "cut.mp4", "no.mov", "-o", "out"
    )

    assert completed.returncode == 1
    assert completed.stdout.split() == ["out/clip.mp4", "out/second.mp4"]
    first, *reasons = completed.stderr.splitlines()
    assert first == f"{FRAMES + 2} pictures painted, 3 failed."
    assert reasons[0].startswith("impasto: text.mp4 cannot be read: invalid data found")
    assert "cut.mp4 is cut off: only" in reasons[1]
    assert reasons[2] == "impasto: no.mov cannot be read: no such file or directory."


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("clip.mp4", "wave.png", "-o", "out"), "Paint videos and photos by a command each"),
        (("clip.mp4", "clip2.mp4", "-o", "one.mp4"), "is the name of one video, and 2 videos"),
        (("wave.png", "-o", "one.mp4"), "is the name of one video, and no videos"),
        (("clip.mp4", "-o", "out", "--name", "{photo}.webm"), "it must end in .mp4, .m4v, .mov"),
        (("clip.mp4", "-o", "new.webm"), "-o new.webm: a video must end in .mp4, .m4v, .mov"),
        (("clip.mp4", "-o", "out", "--each"), "Videos do not go with --each"),
        (("clip.mp4", "-o", "no/folder/x.mp4/y.mp4"), None),
    ],
)
def test_what_no_video_can_be_painted_with_is_refused(
    daemon: DaemonProcess, options: tuple[str, ...], reason: str | None
) -> None:
    completed = batch(daemon, *options)

    if reason is None:  # folders are made
        assert completed.returncode == 0
        return
    assert (completed.returncode, completed.stdout) == (1, "")
    assert reason in completed.stderr
    assert "Traceback" not in completed.stderr


def test_missing_pyav_is_told_with_the_command_to_install_it(daemon: DaemonProcess) -> None:
    """The extra is not installed."""
    (daemon.folder / "none").mkdir()
    (daemon.folder / "none/av.py").write_text("raise ImportError('No module named av')")
    variables = {"PYTHONPATH": f"{daemon.folder / 'none'}:{daemon.environment['PYTHONPATH']}"}
    completed = subprocess.run(
        daemon.command("batch", "clip.mp4", "-o", "x.mp4", "--style", "wave.png"),
        env=daemon.environment | variables,
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert completed.returncode == 1
    assert "Install it with: uv pip install --python" in completed.stderr
    assert "Traceback" not in completed.stderr
