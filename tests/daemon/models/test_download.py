"""Downloads from a server on this machine that breaks off, lies, or is slow."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from impasto_daemon.models.download import (
    KEPT_UNFINISHED,
    Download,
    DownloadDamaged,
    DownloadStopped,
    unfinished_folder,
)
from impasto_daemon.system.host import try_to_lock

CONTENT = os.urandom(3_000_000)


class FileServer(ThreadingHTTPServer):
    """Serves `content` under any name; `sent_bytes` is what it sends of it at most, in turn."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.sent_bytes: list[int] = []
        self.heeds_ranges = True
        self.ranges: list[str] = []
        self.pause = Event()
        self.pause.set()

    def handle_error(self, *_: object) -> None:
        """Ignores that the client has disconnected."""


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        requested = self.headers.get("Range", "")
        self.server.ranges.append(requested)
        match = re.fullmatch(r"bytes=(\d+)-", requested) if self.server.heeds_ranges else None
        rest = self.server.content[int(match[1]) if match else 0 :]
        self.send_response(206 if match else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        count = self.server.sent_bytes.pop(0) if self.server.sent_bytes else len(rest)
        self.wfile.write(rest[:count])
        self.wfile.flush()
        self.server.pause.wait(60)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.pause.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def path(hub: Path) -> Path:
    return hub / "wave-12345678.pth"


def download(server: FileServer, **options: object) -> Download:
    digest = hashlib.sha256(CONTENT).hexdigest()
    address = f"http://127.0.0.1:{server.server_address[1]}/wave.pth"
    return Download(address, digest, len(CONTENT) + 1000, 20.0, **options)  # type: ignore[arg-type]


def unfinished(path: Path) -> list[Path]:
    return list(unfinished_folder(path).iterdir())


def test_file_is_complete_and_nothing_else_remains(server: FileServer, path: Path) -> None:
    progress: list[tuple[int, int | None]] = []

    download(server, on_progress=lambda *counts: progress.append(counts)).to(path)

    assert path.read_bytes() == CONTENT
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert unfinished(path) == []
    assert server.ranges == [""]


def test_broken_connection_is_continued_at_once(server: FileServer, path: Path) -> None:
    server.sent_bytes = [1_000_000, 500_000]

    download(server).to(path)

    assert path.read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=1000000-", "bytes=1500000-"]


def test_download_continues_where_a_cancelled_one_stopped(server: FileServer, path: Path) -> None:
    received = [0]

    def note(count: int, _: int | None) -> None:
        received[0] = count

    stopping = download(server, on_progress=note, should_stop=lambda: received[0] > 1_000_000)
    with pytest.raises(DownloadStopped):
        stopping.to(path)
    assert not path.exists()
    assert [file.stat().st_size for file in unfinished(path)] == [received[0]]

    download(server).to(path)

    assert path.read_bytes() == CONTENT
    assert server.ranges == ["", f"bytes={received[0]}-"]


def test_server_that_heeds_no_ranges_sends_all_again(server: FileServer, path: Path) -> None:
    server.heeds_ranges = False
    server.sent_bytes = [1_000_000]

    download(server).to(path)

    assert path.read_bytes() == CONTENT


def test_damaged_part_is_received_again(server: FileServer, path: Path) -> None:
    unfinished_folder(path).mkdir(parents=True)
    (unfinished_folder(path) / path.name).write_bytes(bytes(1_000_000))

    download(server).to(path)

    assert path.read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000000-", ""]


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 5000, 10])
def test_other_file_is_refused_and_not_kept(server: FileServer, path: Path, length: int) -> None:
    server.content = bytes(length)

    with pytest.raises(DownloadDamaged):
        download(server).to(path)

    assert not path.exists()
    assert [file.stat().st_size for file in unfinished(path)] == [0]


def test_two_processes_download_once(server: FileServer, path: Path) -> None:
    server.pause.clear()
    first = Thread(target=download(server).to, args=(path,))
    first.start()
    while not server.ranges:
        time.sleep(0.01)
    second = Thread(target=download(server).to, args=(path,))
    second.start()
    server.pause.set()
    first.join()
    second.join()

    assert path.read_bytes() == CONTENT
    assert len(server.ranges) == 1


def test_waiting_for_another_download_can_be_stopped(server: FileServer, path: Path) -> None:
    server.sent_bytes = [1000]
    server.pause.clear()
    first = Thread(target=download(server).to, args=(path,))
    first.start()
    while not server.ranges:
        time.sleep(0.01)

    with pytest.raises(DownloadStopped):
        download(server, should_stop=lambda: True).to(path)

    server.pause.set()
    first.join()


@pytest.mark.parametrize("year", [1970, 2026, 2500])
def test_forgotten_downloads_are_removed_whatever_the_time_of_day(
    server: FileServer, path: Path, year: int
) -> None:
    server.sent_bytes = [1_000_000, 0]
    with pytest.raises(OSError, match="the connection broke"):
        download(server).to(path)
    parts = [unfinished_folder(path) / f"{number}.pth" for number in range(KEPT_UNFINISHED + 2)]
    begin_s = (year - 1970) * 31_556_952
    # The download that continues is the oldest one.
    os.utime(unfinished_folder(path) / path.name, (begin_s, begin_s))
    for number, part in enumerate(parts):
        part.write_bytes(b"part")
        os.utime(part, (begin_s + number + 1,) * 2)

    download(server).to(path)

    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=1000000-"
    assert sorted(unfinished(path)) == parts[-KEPT_UNFINISHED:]


def test_download_of_another_process_is_not_removed(server: FileServer, path: Path) -> None:
    unfinished_folder(path).mkdir(parents=True)
    parts = [unfinished_folder(path) / f"{number}.pth" for number in range(KEPT_UNFINISHED + 1)]
    for part in parts:
        part.write_bytes(b"part")
    os.utime(parts[0], (0, 0))

    with parts[0].open("r+b") as file:
        assert try_to_lock(file.fileno())
        download(server).to(path)

    assert sorted(unfinished(path)) == parts


def test_part_is_removed_before_another_process_can_continue_it(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished_folder(path).mkdir(parents=True)
    parts = [unfinished_folder(path) / f"{number}.pth" for number in range(KEPT_UNFINISHED + 1)]
    for part in parts:
        part.write_bytes(b"part")
    unlink, are_free = Path.unlink, list[bool]()

    def look_and_unlink(part: Path) -> None:
        with part.open("r+b") as file:
            are_free.append(try_to_lock(file.fileno()))
        unlink(part)

    monkeypatch.setattr(Path, "unlink", look_and_unlink)
    download(server).to(path)

    assert are_free == [False]


def test_part_that_is_removed_as_it_is_locked_is_begun_again(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, removed = unfinished_folder(path) / path.name, list[Path]()

    def lock_late(descriptor: int) -> bool:
        if not removed:
            part.unlink()
            removed.append(part)
        return try_to_lock(descriptor)

    monkeypatch.setattr("impasto_daemon.models.download.try_to_lock", lock_late)
    download(server).to(path)

    assert path.read_bytes() == CONTENT
    assert removed == [part]


def test_part_does_not_keep_a_full_disk_full(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("impasto_daemon.models.download.write_all", fill)

    with pytest.raises(OSError, match="No space left"):
        download(server).to(path)

    assert [file.stat().st_size for file in unfinished(path)] == [0]
