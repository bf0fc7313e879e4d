"""The pictures of a batch: what is painted from what, and under which name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from impasto_daemon.cluster.order import Former, Order
from impasto_daemon.commands.batch.naming import picture_name
from impasto_daemon.commands.batch.record import PaintingSource, Record, Source, digest_of
from impasto_daemon.commands.image_file import (
    check_encodable,
    check_room,
    check_writable,
    read_file,
    read_image,
)
from impasto_daemon.commands.image_file.reading import OnNote, print_note, reason_of
from impasto_daemon.commands.video_file.writing import can_write
from impasto_shared.batch import Task
from impasto_shared.errors import ImpastoError, InvalidImage
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style, check_styles


@dataclass(frozen=True)
class Painting:
    """A painting of the batch, read once."""

    path: Path
    data: bytes
    source: PaintingSource
    style: Style


def read_painting(path: Path, weight: float) -> Painting:
    """Returns a painting. Raises InvalidImage or InvalidSettings."""
    data = read_file(path)
    style = Style(read_image(path, data), weight)
    return Painting(path, data, PaintingSource(str(path), digest_of(data), weight), style)


@dataclass(frozen=True)
class Picture:
    """A picture to be painted.

    target: its file. may_replace: whether another file of that name may be replaced.
    is_kept: whether its file remains, and is not only a part of a video.
    """

    photo: Path
    paintings: Sequence[Painting]
    settings: StyleSettings
    target: Path
    may_replace: bool
    is_kept: bool = True

    def read(self) -> bytes:
        """Returns the photo's file. Raises InvalidImage."""
        return read_file(self.photo)

    def image(self, photo: bytes, on_note: OnNote = print_note) -> Image:
        """Returns the photo; photo: what `read` returned. Raises InvalidImage."""
        return read_image(self.photo, photo, on_note=on_note)

    def record(self, photo: bytes, former: Record | None = None) -> Record:
        """Returns the record of its origin; former: that of the frame that it begins from."""
        sources = [painting.source for painting in self.paintings]
        after = None if former is None else former.digest
        return Record(Source(str(self.photo), digest_of(photo)), sources, self.settings, after)

    def is_painted(self, record: Record | None = None) -> bool:
        """Returns whether its file is there; record: of its origin, if it is known.

        Raises:
            InvalidImage: if another file is, and may not be replaced, or its name is not possible.
        """
        try:
            if not self.target.exists():
                return False
        except OSError as error:
            reason = reason_of(error)
            raise InvalidImage(f"{self.target} cannot be written: {reason}.") from error
        if (record or self.record(self.read())).is_in(self.target):
            return True
        if not self.may_replace:
            raise InvalidImage(
                f"{self.target} exists, and is not this picture. Choose another folder or --name, "
                "or add --overwrite."
            )
        return False

    def task(self, photo: bytes) -> Task:
        """Returns the arguments of its job.

        Raises:
            InvalidImage: if the photo is no picture, or the painted one will not be writable.
        """
        check_writable(self.target)
        content = self.image(photo)
        has_alpha = content.format.has_alpha
        check_encodable(self.target, content.width, content.height, has_alpha=has_alpha)
        check_room(self.target, content)
        styles = [painting.style for painting in self.paintings]
        check_styles(styles, content, self.settings)
        return Task(content, styles, self.settings)

    def order(self, *, shares_files: bool) -> Order:
        """Returns the order of it for a worker of a cluster.

        shares_files: whether the worker reads the photo and writes the picture itself.

        Raises:
            InvalidImage: if the photo cannot be read, or the picture will not be writable.
        """
        check_writable(self.target)
        if shares_files:
            unread = Source(str(self.photo.absolute()), "")
            record = replace(self.record(b""), photo=unread)
            return Order(record, None, str(self.target.absolute()), None)
        photo = self.read()
        return self.order_of(photo, self.record(photo))

    def order_of(self, photo: bytes, record: Record, former: Former | None = None) -> Order:
        """Returns the order of it for a worker that shares no files.

        photo: what `read` returned. former: the frame that it begins from.
        """
        free_bytes = shutil.disk_usage(self.target.parent).free
        return Order(record, photo, str(self.target), free_bytes, former)


@dataclass(frozen=True)
class Choices:
    """The choices that all pictures of a batch share.

    is_each: whether each photo is painted after each painting, instead of after all of them.
    """

    settings: StyleSettings
    paintings: Sequence[Painting]
    is_each: bool
    folder: Path
    template: str
    may_replace: bool

    def make_folder(self) -> None:
        """Makes the folder, unless a video is to have its name. Raises InvalidImage."""
        folder = self.folder.parent if self.is_video else self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidImage(f"{folder} is no folder: {reason_of(error)}.") from error

    @property
    def is_video(self) -> bool:
        """True if the folder is none, but the name of a new video."""
        return can_write(self.folder) and not self.folder.is_dir()


def plan(
    photos: Iterable[Path | ImpastoError], choices: Choices, others: Iterable[Path] = ()
) -> Iterator[Picture | ImpastoError]:
    """Yields the pictures in order, and what cannot be one.

    Two pictures of the same name: the second is refused. No original is ever replaced.

    others: further originals.
    """
    originals = {os.path.realpath(painting.path) for painting in choices.paintings}
    originals |= {os.path.realpath(photo) for photo in others}
    photos = list(photos)
    originals |= {os.path.realpath(photo) for photo in photos if isinstance(photo, Path)}
    sets = [[painting] for painting in choices.paintings] if choices.is_each else None
    photo_of: dict[Path, Path] = {}
    number = 0
    for photo in photos:
        if isinstance(photo, ImpastoError):
            yield photo
            continue
        number += 1
        for paintings in sets or [list(choices.paintings)]:
            first = paintings[0].path if paintings else None
            name = picture_name(choices.template, photo, first, number)
            target = choices.folder / name
            picture = Picture(photo, paintings, choices.settings, target, choices.may_replace)
            if os.path.realpath(target) in originals:
                reason = f"{target} is one of the originals. Choose another folder for -o."
                yield InvalidImage(reason)
            elif target in photo_of:
                reason = (
                    f"{photo} would have the same name as {photo_of[target]}: {target}. Use "
                    "{number} in --name."
                )
                yield InvalidImage(reason)
            else:
                photo_of[target] = photo
                yield picture
