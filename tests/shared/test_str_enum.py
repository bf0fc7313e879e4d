"""Our enumerations of text behave as the standard library's."""

import enum

import pytest

from impasto_shared.str_enum import StrEnum


class Ours(StrEnum):
    FINE = "fine"


class Theirs(enum.StrEnum):
    FINE = "fine"


@pytest.mark.parametrize("kind", [Ours, Theirs])
def test_member_is_its_text(kind: type[Ours | Theirs]) -> None:
    member = kind("fine")

    assert member == "fine"
    assert str(member) == f"{member}" == "%s" % member == "fine"  # noqa: UP031 - one of the ways
    assert f"{member:>6}" == "  fine"
    assert ", ".join(kind) == "fine"
    assert {"fine": 1}[member] == 1
