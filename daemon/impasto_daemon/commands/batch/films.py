"""Films: pictures that are painted in order, since each begins from the one before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from impasto_daemon.commands.batch.photos import Footage
from impasto_daemon.commands.batch.plan import Choices, Picture, plan
from impasto_daemon.commands.batch.record import Record
from impasto_daemon.commands.batch.results import Batch
from impasto_shared.errors import ImpastoError, InvalidImage


@dataclass(frozen=True)
class Film:
    """A film whose frames are pictures of their own."""

    frames: Sequence[Picture]

    def finish(self) -> None:
        """Makes what is made of all frames, after they are painted. Raises ImpastoError."""

    def close(self) -> None:
        """Closes what the frames are read from."""

    def reason_not_finished(self) -> str | None:
        """Returns why it is useless without a frame, in a sentence; None if it is not."""
        return None


def plan_films(
    footage: Sequence[Footage], choices: Choices
) -> Iterator[tuple[Film, list[ImpastoError]]]:
    """Yields each film, and what cannot be a frame of it.

    The frames of one film go to the folder of the choices; those of several to folders in it, which
    have the names of theirs.
    """
    photos = [photo for each in footage for photo in each.photos if isinstance(photo, Path)]
    named: set[str | None] = set()
    for each in footage:
        if each.name in named:
            reason = f"Two films would have the same folder: {choices.folder / (each.name or '')}."
            yield Film([]), [InvalidImage(f"{reason} Paint one of them by a command of its own.")]
            continue
        named.add(each.name)
        of_film = choices
        if len(footage) > 1 and each.name is not None:
            of_film = replace(choices, folder=choices.folder / each.name)
        planned = list(plan(each.photos, of_film, photos))
        frames = [picture for picture in planned if isinstance(picture, Picture)]
        if frames:
            of_film.make_folder()
        yield Film(frames), [error for error in planned if isinstance(error, ImpastoError)]


@dataclass(frozen=True)
class Frame:
    """A frame that has been read. data: what `Picture.read` returned."""

    picture: Picture
    data: bytes
    record: Record

    @property
    def name(self) -> str:
        """Its name in the batch."""
        return str(self.picture.target)


class Walk:
    """The way through a film: which frame is to be painted next, and which one is before it.

    former: the frame before, which is on the disk, painted; None if it failed, or there is none.
    """

    def __init__(self, batch: Batch, film: Film) -> None:
        self.former: Frame | None = None
        self._batch = batch
        self._film = film
        self._frames = iter(film.frames)
        self._frame: Frame | None = None
        self._has_failed = False
        self._is_finished = False

    @property
    def frame(self) -> Frame | None:
        """The next frame to be painted; None when all are, and the film is finished."""
        while self._frame is None and (picture := next(self._frames, None)) is not None:
            self._look_at(picture)
        if self._frame is None and not self._is_finished:
            self._is_finished = True
            self._finish_film()
            self._film.close()
        return self._frame

    def _look_at(self, picture: Picture) -> None:
        name = str(picture.target)
        try:
            data = picture.read()
            record = picture.record(data, None if self.former is None else self.former.record)
            frame = Frame(picture, data, record)
            if picture.is_painted(record):
                self._batch.find(name)
                self.former = frame
            else:
                self._frame = frame
        except ImpastoError as error:
            self._fail(name, error)

    def finish(self) -> None:
        """Notes that the frame is on the disk, painted."""
        if self._frame is not None:
            self._batch.finish(self._frame.name)
        self.former, self._frame = self._frame, None

    def fail(self, error: ImpastoError) -> None:
        """Notes that the frame is not painted: the one after it begins from scratch."""
        if self._frame is not None:
            self._fail(self._frame.name, error)

    def _fail(self, name: str, error: ImpastoError) -> None:
        self._batch.fail(name, error)
        self.former = self._frame = None
        if not self._has_failed and self._film.reason_not_finished() is not None:
            # They would begin from other frames when that one is painted.
            for picture in self._frames:
                self._batch.pending.pop(str(picture.target))
        self._has_failed = True

    def _finish_film(self) -> None:
        if self._has_failed:
            if (reason := self._film.reason_not_finished()) is not None:
                self._batch.failures.append(ImpastoError(reason))
            return
        try:
            self._film.finish()
        except ImpastoError as error:
            self._batch.failures.append(error)
