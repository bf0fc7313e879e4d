"""Files are written completely or not at all, whatever ends the writing."""

import errno
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from impasto_shared.files.atomic_write import FileNotDurable, create_atomically, write_atomically

ROOT = Path(__file__).parents[3]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Lets this process write files of at most `size` bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    former = os.umask(mask)
    try:
        yield
    finally:
        os.umask(former)


def test_file_is_replaced_and_no_draft_remains(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = path.stat().st_ino

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_ino != before
    assert list(tmp_path.iterdir()) == [path]


def test_mode_is_that_of_the_new_file_less_the_umask(tmp_path: Path) -> None:
    with umask(0o027):
        write_atomically(tmp_path / "private", b"", mode=0o600)
        write_atomically(tmp_path / "usual", b"")

    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("private", "usual")]
    assert modes == [0o600, 0o640]


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_existing_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)

    with umask(0o077):
        write_atomically(path, b"new")

    assert path.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_existing_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)

    write_atomically(path, b"new")

    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    with file_limit(1000), pytest.raises(OSError, match=f"File too large: '{path}'"):
        write_atomically(path, bytes(100_000))

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere/file", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to("elsewhere/file")

    write_atomically(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))


# A device would do as well, but not for the machine on which this test fails.
@pytest.mark.parametrize("make", [os.mkfifo, make_socket, Path.mkdir])
@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_no_file_is_not_replaced(
    tmp_path: Path, make: Callable[[Path], object], is_link: bool
) -> None:
    path, link = tmp_path / "no-file", tmp_path / "link"
    make(path)
    link.symlink_to(path)
    before = path.stat()

    with pytest.raises(OSError, match=str(path)):
        write_atomically(link if is_link else path, b"new")

    assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)
    assert sorted(tmp_path.iterdir()) == [link, path]


def test_file_of_the_longest_possible_name_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"


def test_writes_at_the_same_time_leave_one_of_the_files(tmp_path: Path) -> None:
    path = tmp_path / "file"
    program = (
        "import sys, pathlib; from impasto_shared.files.atomic_write import write_atomically\n"
        "for _ in range(50): write_atomically(pathlib.Path(sys.argv[1]), sys.argv[2].encode() * 9)"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), letter],
            env={**os.environ, "PYTHONPATH": str(ROOT / "shared")},
        )
        for letter in "abc"
    ]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert path.read_text() in ("a" * 9, "b" * 9, "c" * 9)
    assert list(tmp_path.iterdir()) == [path]


def test_killed_writer_leaves_an_old_or_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    size = 3_000_000
    program = (
        "import sys, pathlib; from impasto_shared.files.atomic_write import write_atomically\n"
        "print(flush=True)\n"
        f"while True: [write_atomically(pathlib.Path(sys.argv[1]), bytes([n]) * {size})"
        " for n in (1, 2)]"
    )
    path.write_bytes(bytes([1]) * size)
    for kill in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "shared")},
            stdout=subprocess.PIPE,
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.003 * kill)
            writer.send_signal(signal.SIGKILL)

        content = path.read_bytes()
        assert len(content) == size
        assert len(set(content)) == 1


@pytest.mark.parametrize("write", [write_atomically, create_atomically])
def test_name_that_cannot_be_synced_is_an_error_and_the_file_is_new_and_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]
) -> None:
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    path = tmp_path / "file"

    with pytest.raises(FileNotDurable):
        write(path, b"new")

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [write_atomically, create_atomically])
@pytest.mark.parametrize("refusal", [None, errno.EOPNOTSUPP])
def test_draft_has_no_name_while_it_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path, bytes], None],
    refusal: int | None,
) -> None:
    names: list[int] = []
    system_open, system_fsync = os.open, os.fsync

    def open_as_on_file_system(path: Path, flags: int, *rest: Any, **options: Any) -> int:
        if refusal and flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(refusal, os.strerror(refusal))
        return system_open(path, flags, *rest, **options)

    def fsync(descriptor: int) -> None:
        names.append(len(list(tmp_path.iterdir())))
        system_fsync(descriptor)

    monkeypatch.setattr(os, "open", open_as_on_file_system)
    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "file", b"new")

    # Of the file, and of the folder once the file is there.
    assert names == [0 if refusal is None else 1, 1]
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("has_links", [True, False])
def test_file_that_need_not_survive_a_power_cut_waits_for_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fsync", refuse)
    if not has_links:
        monkeypatch.setattr(os, "link", refuse)

    write_atomically(tmp_path / "file", b"new", is_synced=False)

    assert (tmp_path / "file").read_bytes() == b"new"


def test_new_file_is_created_once(tmp_path: Path) -> None:
    path = tmp_path / "file"

    create_atomically(path, b"first", mode=0o600)
    with pytest.raises(FileExistsError):
        create_atomically(path, b"second")

    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_new_file_is_created_once_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "file"

    create_atomically(path, b"first", mode=0o640)
    with pytest.raises(FileExistsError):
        create_atomically(path, b"second")
    write_atomically(tmp_path / "large", bytes(3_000_000))

    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "large").stat().st_size == 3_000_000
    assert {*tmp_path.iterdir()} == {path, tmp_path / "large"}


def test_new_file_for_which_there_is_no_room_is_not_there(tmp_path: Path) -> None:
    with file_limit(1000), pytest.raises(OSError, match=f"File too large: '{tmp_path}/file'"):
        create_atomically(tmp_path / "file", bytes(100_000))

    assert list(tmp_path.iterdir()) == []
