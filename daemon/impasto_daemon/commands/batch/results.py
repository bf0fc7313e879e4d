"""The pictures of a batch, and what has become of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from impasto_daemon.commands.output import say, warn
from impasto_shared.errors import ImpastoError

if TYPE_CHECKING:
    from impasto_daemon.commands.batch.plan import Picture


@dataclass
class Batch:
    """The pictures of a run.

    pending: those that are neither painted nor failed, by the name of their file.
    """

    pending: dict[str, Picture] = field(default_factory=dict)
    painted: int = 0
    were_there: int = 0
    failures: list[ImpastoError] = field(default_factory=list)

    def add(self, picture: Picture) -> None:
        """Adds a picture, unless it is painted."""
        try:
            if picture.is_painted():
                self.were_there += 1
            else:
                self.pending[str(picture.target)] = picture
        except ImpastoError as error:
            self.failures.append(error)

    def finish(self, name: str) -> None:
        """Notes, and prints, that a picture is on the disk."""
        picture = self.pending.pop(name)
        self.painted += 1
        if picture.is_kept:
            say(name)

    def find(self, name: str) -> None:
        """Notes that a picture is on the disk already."""
        del self.pending[name]
        self.were_there += 1

    def fail(self, name: str, error: ImpastoError) -> None:
        """Notes why a picture is not painted."""
        del self.pending[name]
        self.failures.append(error)

    def report(self) -> None:
        """Prints how many pictures there are, and why others are not."""
        counts = [f"{count_of(self.painted)} painted"]
        if self.were_there:
            counts.append(f"{self.were_there} there before")
        if self.failures:
            counts.append(f"{len(self.failures)} failed")
        warn(f"{', '.join(counts)}.")
        for error in self.failures:
            warn(f"impasto: {error}")


def count_of(pictures: int) -> str:
    """Returns a number of pictures in words."""
    return "1 picture" if pictures == 1 else f"{pictures} pictures"
