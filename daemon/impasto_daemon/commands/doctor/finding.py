"""What the doctor finds: how something is, and where it is wrong, how to mend it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from impasto_shared.errors import ImpastoError

# A first start of GIMP takes ten seconds, a Flatpak's Python a few.
PATIENCE_S = 60.0


class State(StrEnum):
    """How something is."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong, but it may be what somebody looks for."""
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    remedy: what a person can do about it.
    mend: does it, where a program can; raises ImpastoError or OSError where it could not.
    """

    topic: str
    state: State
    text: str
    remedy: str = ""
    mend: Callable[[], None] | None = None


class NotMended(ImpastoError):
    """A program that was to mend something has failed."""


def ok(topic: str, text: str) -> Finding:
    """What is as it should be."""
    return Finding(topic, State.OK, text)


def note(topic: str, text: str, remedy: str = "") -> Finding:
    """What is worth knowing."""
    return Finding(topic, State.NOTE, text, remedy)


def problem(
    topic: str, text: str, remedy: str = "", mend: Callable[[], None] | None = None
) -> Finding:
    """What is wrong, and how to mend it; without a remedy where the text says so."""
    return Finding(topic, State.PROBLEM, text, remedy, mend)


def answer_of(command: Sequence[str]) -> str | None:
    """What a program prints on standard output; None where it fails or does not end."""
    try:
        return subprocess.run(  # noqa: S603 - programs of this machine, no text from outside
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def run_to_mend(command: Sequence[str]) -> None:
    """Runs a program that mends something; raises NotMended where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - programs of this machine, no text from outside
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise NotMended(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        last_line = (done.stderr.strip() or "it left no message").splitlines()[-1]
        raise NotMended(f"{' '.join(command)} failed: {last_line}")
