"""The journal of jobs: a table and files in a private folder, written in the background.

A row refers only to files that are complete, so a daemon that is killed, or a machine that loses
its power, leaves at worst a file without a row, which the next daemon removes.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from impasto_daemon.server.journal.background import Background
from impasto_daemon.server.journal.database import DamagedDatabase, Database
from impasto_daemon.server.journal.lasting_clock import LastingClock
from impasto_daemon.server.journal.pixel_files import (
    read_frames,
    remove_file,
    sync_file,
    write_frames,
    write_pixels,
)
from impasto_daemon.server.journal.records import (
    InputFile,
    Record,
    decode_record,
    encode_record,
)
from impasto_shared.errors import ImpastoError
from impasto_shared.files.paths import make_private
from impasto_shared.protocol.codec import decode, encode
from impasto_shared.protocol.messages import ClientMessage, Submit

logger = logging.getLogger(__name__)

DATABASE = "jobs.sqlite"
CLOCK = "clock.json"
DAMAGED = ".damaged-"
"""The folder of a damaged journal has this in its name, and the clock's time of its discovery."""
# Files of a damaged journal are of use to someone who looks for them soon.
_DAMAGED_KEPT_S = 7 * 86_400.0
_JOB_NAME = re.compile(r"[0-9a-f]{32}")
_FOUND = re.compile(r"([0-9]{1,12})-[0-9a-f]{8}")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Done = Callable[[Exception | None], None]


@dataclass(frozen=True)
class Damaged:
    """A job whose record cannot be read, and why."""

    job: str
    reason: str


class Journal:
    """The journal in `folder`, which is created. Results arrive by `collect`.

    clock: monotonic, in seconds, the same for all processes until the machine is started again.

    Raises:
        OSError: if the folder cannot be used, or another daemon uses it.
        UnsafeDirectory: if other users have access to it.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_private(folder)
        self.folder = folder
        self.boot = _boot()
        self.notice: str | None = None
        """What was found damaged as the journal was opened; None: nothing."""
        self.clock = LastingClock(folder / CLOCK, self.boot, clock)
        """The time that the records have, which continues from daemon to daemon."""
        self._is_saving_time = False
        if self.clock.damage is not None:
            self.notice = f"{self.clock.damage}."
        self._database, rows = self._open()
        self.entries = [_entry(name, data) for name, data in rows if _is_job(name)]
        """The jobs that were stored when the journal was opened, in the order of submission."""
        if len(self.entries) < len(rows):
            logger.error("the journal has jobs with damaged names, which are left out")
        self.clock.continue_from(_times_s(self.entries))
        self._remove_orphans()
        self._remove_old_damage()
        self._writer, self._reader = Background("journal"), Background("pictures")
        self.keep_time()

    def accept(self, record: Record, submission: Submit, then: Callable[[object], None]) -> None:
        """Stores a new job with its input; passes on its InputFile, or the exception."""
        self._writer.run(lambda: self._accept(record, submission), then)

    def store_picture(
        self,
        record: Record,
        pixels: bytes | memoryview | None,
        then: Done,
        *,
        drops: Sequence[str] = (),
    ) -> None:
        """Stores a finished job, with its `pixels` unless they are in its file already.

        Both are synced unless the record says that they are not. The files in `drops` are removed.
        """
        self._writer.run(lambda: self._store_picture(record, pixels, drops), then)

    def new_picture_name(self, job: str) -> str:
        """Returns a name for the file of a picture that no other has."""
        return f"{job}-{os.urandom(4).hex()}.picture"

    def put(self, record: Record, *, drops: Sequence[str] = ()) -> None:
        """Stores a record, and removes the files in `drops`."""
        self._writer.run(
            lambda: self._make_room_to(lambda: self._write(record), drops), _log_failure
        )

    def delete(self, job: str, *, drops: Sequence[str] = ()) -> None:
        """Removes the record of a job, and the files in `drops`."""
        self._writer.run(
            lambda: self._make_room_to(lambda: self._database.delete(job), drops), _log_failure
        )

    def load(self, file: InputFile, then: Callable[[Submit | Exception], None]) -> None:
        """Passes on the input of a job, or the exception: an OSError or an ImpastoError."""
        self._reader.run(lambda: self._load(file), then)

    def read(self, work: Callable[[], object], then: Callable[[object], None]) -> None:
        """Runs the reading of a picture next to the writing; passes on its outcome."""
        self._reader.run(work, then)

    @property
    def unwritten(self) -> int:
        """The number of changes that wait for the disk."""
        return self._writer.unfinished

    def filenos(self) -> tuple[int, int]:
        """Returns the descriptors of which one is readable when there is something to collect."""
        return self._writer.fileno(), self._reader.fileno()

    def keep_time(self) -> None:
        """Saves the time if that is due; to be called in every round of a loop."""
        if self.clock.is_due() and not self._is_saving_time:
            self._is_saving_time = True
            self._writer.run(self.clock.save, self._on_time_saved)

    def _on_time_saved(self, outcome: Exception | None) -> None:
        self._is_saving_time = False
        _log_failure(outcome)

    def collect(self) -> None:
        """Passes on the outcomes that there are; does not wait."""
        self._writer.collect()
        self._reader.collect()

    def wait(self, timeout_s: float) -> None:
        """Waits until everything is written, and passes on the outcomes."""
        self._writer.wait(timeout_s)
        self._reader.wait(timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Writes what is waiting, and gives the folder free."""
        self._writer.run(self.clock.save, _log_failure)
        self.wait(timeout_s)
        self._writer.run(self._database.close, _log_failure)
        self._writer.wait(timeout_s)
        self._writer.close()
        self._reader.close()

    # In the thread

    def _accept(self, record: Record, submission: Submit) -> InputFile:
        path = self.folder / f"{record.job}-{os.urandom(4).hex()}.input"
        file = InputFile(path.name, write_frames(path, encode(submission)))
        try:
            self._write(replace(record, input=file))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return file

    def _store_picture(
        self, record: Record, pixels: bytes | memoryview | None, drops: Sequence[str]
    ) -> None:
        if record.picture is None:
            raise ValueError(f"job {record.job} has no picture")
        path = self.folder / record.picture.name
        if pixels is not None:
            write_pixels(path, pixels)
        try:
            if record.picture.unsynced_boot is None:
                sync_file(path)
            self._write(record)
        except BaseException:
            if pixels is not None:
                path.unlink(missing_ok=True)
            raise
        self._drop(drops)

    def _write(self, record: Record) -> None:
        is_synced = record.picture is None or record.picture.unsynced_boot is None
        self._database.put(record.job, record.number, encode_record(record), is_synced=is_synced)

    def _make_room_to(self, change: Callable[[], None], drops: Sequence[str]) -> None:
        """Makes a change after which files are of no use, and removes them."""
        try:
            change()
        except OSError:
            # A full disk may have no room even for this, until the files are gone.
            self._drop(drops)
            change()
        else:
            self._drop(drops)

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            remove_file(self.folder / name)

    def _load(self, file: InputFile) -> Submit:
        message: object = decode(read_frames(self.folder / file.name), ClientMessage)
        if not isinstance(message, Submit):
            raise OSError(f"{file.name} does not hold a job")
        return message

    # When it is opened

    def _open(self) -> tuple[Database, list[tuple[str, bytes]]]:
        try:
            return self._try_to_open()
        except DamagedDatabase as error:
            aside = self._new_name_aside()
            self.notice = f"The list of stored jobs was damaged and is now in {aside}."
            logger.error("the journal of jobs is damaged (%s): it is moved to %s", error, aside)
            self.folder.rename(aside)
            make_private(self.folder)
            try:
                return self._try_to_open()
            except DamagedDatabase as again:
                raise OSError(str(again)) from again

    def _try_to_open(self) -> tuple[Database, list[tuple[str, bytes]]]:
        database = Database(self.folder / DATABASE)
        try:
            return database, database.rows()
        except BaseException:
            database.close()
            raise

    def _remove_orphans(self) -> None:
        """Removes files without a record: a daemon was ended as it wrote or removed them."""
        records = [entry for entry in self.entries if isinstance(entry, Record)]
        files = {record.input.name for record in records if record.input is not None}
        files |= {record.picture.name for record in records if record.picture is not None}
        damaged = {entry.job for entry in self.entries if isinstance(entry, Damaged)}
        for path in self.folder.iterdir():
            is_known = path.name in files or path.name[:32] in damaged
            if path.suffix in (".input", ".picture") and not is_known:
                remove_file(path)

    def _new_name_aside(self) -> Path:
        """Returns the path for a damaged journal that is found now."""
        name = f"{self.folder.name}{DAMAGED}{int(self.clock())}-{os.urandom(4).hex()}"
        return self.folder.with_name(name)

    def _remove_old_damage(self) -> None:
        for folder in self.folder.parent.glob(f"{self.folder.name}{DAMAGED}*"):
            try:
                self._remove_if_old(folder)
            except OSError as error:
                logger.warning("%s cannot be removed: %s", folder, error)

    def _remove_if_old(self, aside: Path) -> None:
        """Removes a damaged journal; raises OSError.

        One of the future, whose clock was damaged, or of a version with other names is as new.
        """
        match = _FOUND.fullmatch(aside.name.rpartition(DAMAGED)[2])
        age_s = -1 if match is None else int(self.clock()) - int(match[1])
        if age_s < 0:
            aside.rename(self._new_name_aside())
        elif age_s > _DAMAGED_KEPT_S:
            for path in aside.iterdir():
                remove_file(path)
            aside.rmdir()


def _is_job(name: str | None) -> bool:
    """Returns whether a name can be that of a job; a long one would fill the status reports."""
    return name is not None and _JOB_NAME.fullmatch(name) is not None


def _entry(name: str, data: bytes) -> Record | Damaged:
    try:
        record = decode_record(data)
        if record.job != name:
            return Damaged(name, f"its record is that of {record.job:.40}")
    except ImpastoError as error:
        return Damaged(name, f"its record cannot be read: {error}")
    return record


def _times_s(entries: Sequence[Record | Damaged]) -> list[float]:
    """Returns the times of the journal's clock in the records."""
    records = [entry for entry in entries if isinstance(entry, Record)]
    times_s = [record.submitted_s for record in records] + [record.ended_s for record in records]
    return [time_s for time_s in times_s if time_s is not None]


def _log_failure(outcome: Exception | None) -> None:
    if outcome is not None:
        logger.error("the journal of jobs cannot be written: %s", outcome)


def _boot() -> str:
    """Returns a name for the time from the start of the machine to its end.

    Where the system gives none (macOS, Windows), each daemon has another one.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return os.urandom(8).hex()
