import os
import resource
from pathlib import Path

import pytest

from impasto_shared.atomic_write import write_atomically


def test_file_is_replaced_and_no_draft_remains(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = path.stat().st_ino

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_ino != before
    assert list(tmp_path.iterdir()) == [path]


def test_mode_is_that_of_the_new_file_less_the_umask(tmp_path: Path) -> None:
    old_umask = os.umask(0o027)
    try:
        write_atomically(tmp_path / "private", b"", mode=0o600)
        write_atomically(tmp_path / "usual", b"")
    finally:
        os.umask(old_umask)

    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("private", "usual")]
    assert modes == [0o600, 0o640]


def test_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, former[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_draft_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / "file.new").symlink_to(victim)

    with pytest.raises(OSError, match="symbolic links"):
        write_atomically(tmp_path / "file", b"new")

    assert victim.read_bytes() == b"untouched"
