import os
from pathlib import Path

import pytest

from impasto_daemon.server.process.single_instance import (
    AlreadyRunning,
    exclusive_lock,
)
from impasto_shared.paths import UnsafeDirectory


def test_lock_is_held_by_one_process_and_names_it(tmp_path: Path) -> None:
    lock = tmp_path / "runtime" / "daemon.lock"

    with exclusive_lock(lock):
        assert lock.read_text() == f"{os.getpid()}\n"
        with (
            pytest.raises(AlreadyRunning, match=rf"\(pid {os.getpid()}\)"),
            exclusive_lock(lock),
        ):
            pass
    with exclusive_lock(lock):
        pass


def test_released_lock_names_no_process(tmp_path: Path) -> None:
    lock = tmp_path / "runtime" / "daemon.lock"

    with exclusive_lock(lock):
        pass

    assert lock.read_text() == ""


def test_folder_of_the_lock_is_private(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "runtime" / "daemon.lock"):
        assert (tmp_path / "runtime").stat().st_mode & 0o777 == 0o700


def test_folder_that_others_can_enter_is_refused_with_the_remedy(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    runtime.chmod(0o750)

    with pytest.raises(UnsafeDirectory, match="chmod 700"), exclusive_lock(runtime / "lock"):
        pass


def test_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "runtime").symlink_to(tmp_path / "elsewhere")

    with (
        pytest.raises(UnsafeDirectory, match="not a folder of yours"),
        exclusive_lock(tmp_path / "runtime" / "lock"),
    ):
        pass
