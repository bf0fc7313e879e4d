import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto_daemon.server.process.single_instance import (
    AlreadyRunning,
    CannotLock,
    InstanceLock,
    lock_holder,
)
from impasto_shared.files.paths import UnsafeDirectory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runtime" / "daemon.lock"


def test_lock_is_held_by_one_process_and_names_it(path: Path) -> None:
    with InstanceLock(path):
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(AlreadyRunning, match=rf"\(pid {os.getpid()}\)"), InstanceLock(path):
            pass
    with InstanceLock(path):
        pass


def test_released_lock_names_no_process(path: Path) -> None:
    with InstanceLock(path):
        pass

    assert path.read_text() == ""


def test_folder_of_the_lock_is_private(path: Path) -> None:
    with InstanceLock(path):
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_folder_that_others_can_enter_is_refused_with_the_remedy(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o750)

    with pytest.raises(UnsafeDirectory, match="chmod 700"), InstanceLock(path):
        pass


def test_folder_that_is_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    path.parent.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsafeDirectory, match="not a folder of yours"), InstanceLock(path):
        pass


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_lock_that_is_no_file_is_refused_with_its_path(path: Path, kind: str) -> None:
    path.parent.mkdir(mode=0o700)
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("elsewhere")

    with pytest.raises(CannotLock, match=str(path)), InstanceLock(path):
        pass


@pytest.mark.parametrize("removal", ["file", "folder"])
def test_removed_lock_can_be_restored(path: Path, removal: str) -> None:
    with InstanceLock(path) as lock:
        path.unlink() if removal == "file" else shutil.rmtree(path.parent)
        lock.restore()

        with pytest.raises(AlreadyRunning), InstanceLock(path):
            pass
    with InstanceLock(path):
        pass


def test_lock_that_another_holds_meanwhile_cannot_be_restored(path: Path) -> None:
    with InstanceLock(path) as lock:
        path.unlink()
        with InstanceLock(path), pytest.raises(AlreadyRunning):
            lock.restore()


@pytest.mark.parametrize("call", ["lstat", "fstat"])
def test_lock_that_cannot_be_examined_is_still_held_by_this_process(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with InstanceLock(path) as lock:
        monkeypatch.setattr(Path if call == "lstat" else os, call, fail)
        with pytest.raises(CannotLock, match="cannot be examined"):
            lock.restore()
        monkeypatch.undo()
        lock.restore()
        with pytest.raises(AlreadyRunning), InstanceLock(path):
            pass


def test_holder_is_named_and_none_once_it_has_released_the_lock(path: Path) -> None:
    assert lock_holder(path) is None
    with InstanceLock(path):
        assert lock_holder(path) == os.getpid()
    assert lock_holder(path) is None


def test_process_id_that_was_left_behind_is_no_holder(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(f"{os.getpid()}\n")

    assert lock_holder(path) is None


def test_looking_for_the_holder_takes_no_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    path.write_text(f"{os.getpid()}\n")
    locked: list[int] = []
    monkeypatch.setattr(fcntl, "flock", lambda *_: locked.append(1))

    lock_holder(path)

    assert locked == []


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_lock_that_is_no_file_has_no_holder(path: Path, kind: str) -> None:
    path.parent.mkdir()
    makers: dict[str, Callable[[], None]] = {
        "folder": path.mkdir,
        "link": lambda: path.symlink_to("x"),
        "pipe": lambda: os.mkfifo(path),
    }
    makers[kind]()

    assert lock_holder(path) is None
