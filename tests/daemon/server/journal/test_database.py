import shutil
import sqlite3
from pathlib import Path

import pytest

from impasto_daemon.server.journal import database as database_module
from impasto_daemon.server.journal.database import DamagedDatabase, Database
from shared.files.test_atomic_write import file_limit


def test_rows_outlive_the_process_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    database = Database(path)
    for number, name in enumerate(["b", "a", "c"]):
        database.put(name, number, b"old")
    database.put("a", 1, b"new")
    database.delete("c")
    database.delete("unknown")
    database.close()

    again = Database(path)
    rows = again.rows()
    again.close()

    assert rows == [("b", b"old"), ("a", b"new")]
    assert path.stat().st_mode & 0o777 == 0o600


def test_changes_are_synced_also_after_one_that_is_not(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite")
    database.put("a", 1, b"unsynced", is_synced=False)

    ((synchronous,),) = database._connection.execute("PRAGMA synchronous")
    ((journal_mode,),) = database._connection.execute("PRAGMA journal_mode")
    database.close()

    assert (synchronous, journal_mode) == (2, "wal")  # 2: FULL


def test_rows_of_a_killed_process_are_read_from_a_full_disk(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite")
    database.put("a", 1, b"record")
    shutil.copytree(tmp_path, tmp_path / "killed")
    database.close()

    with file_limit(0):
        again = Database(tmp_path / "killed/jobs.sqlite")
        rows = again.rows()
        with pytest.raises(OSError, match="database"):
            again.put("b", 2, b"record")
    again.close()

    assert rows == [("a", b"record")]


def test_second_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_LOCK_TIMEOUT_S", 0.05)
    database = Database(tmp_path / "jobs.sqlite")

    with pytest.raises(OSError, match="locked"):
        Database(tmp_path / "jobs.sqlite")
    database.close()


@pytest.mark.parametrize("damage", ["text", "cut off", "other table"])
def test_damaged_file_is_told_from_one_that_cannot_be_opened(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "jobs.sqlite"
    database = Database(path)
    for number in range(100):
        database.put(str(number), number, bytes(500))
    database.close()
    if damage == "text":
        path.write_text("This is not a database. " * 1000)
    elif damage == "cut off":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE jobs")
            connection.execute("CREATE TABLE jobs (other TEXT)")
        connection.close()

    def open_and_read() -> None:
        opened = Database(path)
        try:
            opened.rows()
        finally:
            opened.close()

    with pytest.raises(DamagedDatabase):
        open_and_read()


def test_file_that_was_removed_is_noticed(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite")
    (tmp_path / "jobs.sqlite").unlink()

    with pytest.raises(OSError, match="removed or replaced: restart the daemon"):
        database.put("a", 1, b"")
    (tmp_path / "other").touch()
    (tmp_path / "other").rename(tmp_path / "jobs.sqlite")
    with pytest.raises(OSError, match="restart the daemon"):
        database.put("a", 1, b"")
    database.close()


def test_folder_that_does_not_exist_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Database(tmp_path / "none" / "jobs.sqlite")
