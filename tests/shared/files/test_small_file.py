from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto_shared.files.small_file import MAX_BYTES, read_small_file

KINDS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a loop": lambda path: path.symlink_to(path.name),
    "too large": lambda path: path.write_bytes(bytes(MAX_BYTES + 1)),
    "nothing": lambda _: None,
}


def test_contents_are_those_of_the_file_or_of_the_one_it_links_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\xff\n" + bytes(MAX_BYTES - 3))
    (tmp_path / "link").symlink_to("file")

    assert read_small_file(tmp_path / "link") == (tmp_path / "file").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_small_file_is_an_error_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    KINDS[kind](path)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - only names

    with pytest.raises(OSError, match=str(path)):
        read_small_file(path)

    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208 - only names
