"""The table of jobs: an SQLite database, usually synced to the disk at every change."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto_shared.files.open_flags import NOFOLLOW, PLAIN

_VERSION = 1
_LOCK_TIMEOUT_S = 5.0
# The codes of SQLite that say nothing about the contents of the file.
_ENVIRONMENT = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
_PRIMARY_CODE = 0xFF


class DamagedDatabase(Exception):
    """The file is not a database of jobs, or not a readable one."""


class NewerDatabase(OSError):
    """The file was written by a newer Impasto: it is sound, but this one cannot read it."""


class Database:
    """The rows (name, number, record) of the jobs at `path`.

    All methods raise OSError if the system refuses, and DamagedDatabase if the file is damaged. One
    process has it open at a time; the thread that uses it may change, but not be two at once.
    """

    def __init__(self, path: Path) -> None:
        # SQLite would create it with the permissions of the umask.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW | PLAIN, 0o600))
        self._path, self._inode = path, path.stat().st_ino
        with _translated():
            self._connection = sqlite3.connect(
                path, timeout=_LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            with _translated():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        # The lock is held until the process ends; without shared memory, which could not be read
        # from a bad disk except at the cost of the process.
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        ((version,),) = self._connection.execute("PRAGMA user_version")
        if version > _VERSION:
            raise NewerDatabase(
                f"the jobs in {self._path.parent} were stored by a newer Impasto "
                f"(version {version}; this is {_VERSION}). Update Impasto, or move that folder away"
            )
        ((health,),) = self._connection.execute("PRAGMA integrity_check(1)")
        if health != "ok":
            raise DamagedDatabase(health)
        if version == _VERSION:
            return  # on a full disk, what is there can still be read
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS jobs "
            "(name TEXT PRIMARY KEY, number INTEGER NOT NULL, record BLOB NOT NULL)"
        )
        self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    def rows(self) -> list[tuple[str, bytes]]:
        """Returns the name and the record of each job, in the order of their numbers."""
        with _translated():
            cursor = self._connection.execute(
                "SELECT CAST(name AS TEXT), CAST(record AS BLOB) FROM jobs ORDER BY number"
            )
            return [(name, bytes(record)) for name, record in cursor]

    def put(self, name: str, number: int, record: bytes, *, is_synced: bool = True) -> None:
        """Writes a row, in place of an earlier one of that name.

        is_synced: whether to wait for the disk; without it, a power cut may bring back the earlier
            one, but the end of this process does not.
        """
        # SQLite would write to the removed file.
        if not self._path.exists() or self._path.stat().st_ino != self._inode:
            raise OSError(f"{self._path} was removed or replaced: restart the daemon")
        with _translated(), self._synced(is_synced):
            self._connection.execute(
                "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?)", (name, number, record)
            )

    def delete(self, name: str) -> None:
        """Deletes a row, if there is one."""
        with _translated():
            self._connection.execute("DELETE FROM jobs WHERE name = ?", (name,))

    def close(self) -> None:
        """Closes the file, for other processes to open."""
        self._connection.close()

    @contextmanager
    def _synced(self, is_synced: bool) -> Iterator[None]:
        if is_synced:
            yield
            return
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY_CODE
        if code in _ENVIRONMENT:
            raise OSError(f"the database of jobs: {error}") from error
        raise DamagedDatabase(str(error)) from error
    except (UnicodeError, OverflowError) as error:
        raise DamagedDatabase(str(error)) from error
