"""The log's own file, written to by real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from impasto_daemon.system.log import LIMIT_BYTES
from integration.daemon_process import ROOT

TALKER = """
import logging, sys
from impasto_daemon.system.log import start_logging
start_logging("server", rotates=True)
for number in range(int(sys.argv[1])):
    logging.getLogger("server").info("line %d %s", number, "x" * 900)
"""
FOLLOWER = """
import logging, sys
from impasto_daemon.system.log import start_logging
start_logging("worker")
print("ready", flush=True)
for line in sys.stdin:
    logging.getLogger("worker").info("heard %s", line.strip())
"""


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "XDG_STATE_HOME": str(folder),
        "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / 'daemon'}",
    }


def talk(folder: Path, count: int, file: Path) -> None:
    """Runs a process that logs `count` lines into `file`, as the launcher starts the daemon."""
    with file.open("ab") as output:
        subprocess.run(
            [sys.executable, "-c", TALKER, str(count)],
            env=environment(folder),
            stdout=output,
            stderr=output,
            check=True,
        )


def log_in(folder: Path) -> Path:
    (folder / "impasto").mkdir()
    return folder / "impasto/daemon.log"


def lines_of(*files: Path) -> list[str]:
    return [line.split()[6] for file in files for line in file.read_text().splitlines()]


def test_full_file_is_replaced_and_the_previous_one_remains(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    count = LIMIT_BYTES // 900 + 200

    talk(tmp_path, count, log)

    before = log.with_name("daemon.log.1")
    assert log.stat().st_size < LIMIT_BYTES
    assert before.stat().st_size < LIMIT_BYTES + 2000
    assert lines_of(before, log) == [str(number) for number in range(count)]


def test_two_files_are_all_there_ever_is(tmp_path: Path) -> None:
    log = log_in(tmp_path)

    talk(tmp_path, 4 * LIMIT_BYTES // 900, log)

    assert sorted(path.name for path in log.parent.iterdir()) == ["daemon.log", "daemon.log.1"]


def test_file_stays_limited_where_the_previous_one_cannot_be_kept(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    (log.parent / "daemon.log.1").mkdir()

    talk(tmp_path, 3 * LIMIT_BYTES // 900, log)

    assert log.stat().st_size < LIMIT_BYTES


def test_process_that_does_not_rotate_follows_the_file(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.write_bytes(b"a line of before\n")
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [sys.executable, "-c", FOLLOWER],
            env=environment(tmp_path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        ) as worker,
    ):
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        log.rename(log.with_name("daemon.log.1"))
        worker.stdin.write("one\n")
        worker.stdin.close()
        worker.wait()

    assert "heard one" in log.read_text()
    assert "heard" not in log.with_name("daemon.log.1").read_text()


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    log_in(tmp_path).touch()
    other = tmp_path / "other.log"

    talk(tmp_path, 2 * LIMIT_BYTES // 900, other)

    assert other.stat().st_size > LIMIT_BYTES
    assert not other.with_name("other.log.1").exists()
