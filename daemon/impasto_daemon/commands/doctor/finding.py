"""A finding of the doctor: the state of one thing and, if it is a problem, how to repair it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from impasto_shared.errors import ImpastoError


class State(StrEnum):
    """The state of what was checked."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong, but it may explain what the person sees."""
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    remedy: what a person can do about it; empty if nothing need be done, or `text` says it.
    fix: repairs it, if a program can; raises ImpastoError or OSError if that fails.
    """

    topic: str
    state: State
    text: str
    remedy: str = ""
    fix: Callable[[], None] | None = None


class FixFailed(ImpastoError):
    """An attempt to repair a problem failed."""


def ok(topic: str, text: str) -> Finding:
    """Returns the finding that all is well."""
    return Finding(topic, State.OK, text)


def note(topic: str, text: str, remedy: str = "") -> Finding:
    """Returns a finding that is no problem, but worth knowing."""
    return Finding(topic, State.NOTE, text, remedy)


def problem(
    topic: str, text: str, remedy: str = "", fix: Callable[[], None] | None = None
) -> Finding:
    """Returns the finding that something is wrong."""
    return Finding(topic, State.PROBLEM, text, remedy, fix)


def guarded(topic: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yields the findings of a check; if the check itself fails, that is one.

    The doctor is asked when something is wrong, which may be anything.
    """
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - the doctor must not end with a traceback
        text = f"this check failed with {type(error).__name__}: {error}"
        yield problem(topic, text, "Repair what the other findings name; if none does, report it.")
