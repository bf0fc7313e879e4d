"""Every error that a user may see says one of the known sentences, which can be translated."""

from __future__ import annotations

import ast
import errno
import os
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_shared.errors import DaemonError, ErrorCode, InvalidImage, InvalidSettings
from impasto_shared.protocol.codec import decode, encode
from impasto_shared.protocol.messages import DaemonMessage, ErrorReply
from impasto_shared.protocol.reports import Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.text import sentences
from impasto_shared.text.sentences import (
    LONGEST_VALUE,
    SENTENCES,
    Sentence,
    reason_of,
    said_again,
    sentence,
    speak,
)

ROOT = Path(__file__).parents[3]
# Errors of programs that break the protocol, and of the commands that change keys, are in English.
FOLDERS = (
    *("shared/impasto_shared", "daemon/impasto_daemon/server", "daemon/impasto_daemon/worker"),
    *("daemon/impasto_daemon/style_transfer", "daemon/impasto_daemon/models"),
)
ERRORS = {
    *("InvalidSettings", "InvalidImage", "DaemonUnavailable", "AccessDenied", "DaemonError"),
    *("KeysUnusable", "UnsafeDirectory", "ImpastoError", "InvalidConfig", "WeightsMissing"),
    *("WeightsDamaged", "NotFinite", "Problem"),
}


def sources() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def texts_in(node: ast.AST) -> Iterator[str]:
    """Yields the texts of more than a word in an expression, but not those of sentences."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "sentence":
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from texts_in(child)


def untranslatable(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields the lines on which an error gets a text that is no sentence."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
            for argument in node.args:
                for text in texts_in(argument):
                    yield node.lineno, text


@pytest.fixture
def translated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language in which everything is in capitals, but for the names of values."""
    monkeypatch.setattr(sentences, "_translate", str)  # restored at the end

    def capitals(text: str) -> str:
        parts = string.Formatter().parse(text)
        return "".join(
            literal.upper() + (f"{{{name}}}" if name else "") for literal, name, _, _ in parts
        )

    speak(capitals)


def values_of(code: str) -> dict[str, str]:
    names = [name for _, name, _, _ in string.Formatter().parse(SENTENCES[code]) if name]
    return dict.fromkeys(names, "7")


def test_errors_say_sentences_that_can_be_translated() -> None:
    assert not [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sources()
        for line, text in untranslatable(ast.parse(path.read_text()))
    ]


@pytest.mark.parametrize(
    "source",
    ['raise InvalidImage("It is wrong.")', 'raise InvalidSettings("size", f"{size} is wrong.")'],
)
def test_text_that_is_no_sentence_is_noticed(source: str) -> None:
    assert list(untranslatable(ast.parse(source)))


def test_sentence_is_not_noticed() -> None:
    assert not list(untranslatable(ast.parse('raise InvalidImage(sentence("no-style"))')))


def test_every_code_is_used() -> None:
    table = ROOT / "shared/impasto_shared/text/sentences.py"
    # Some codes are made from others: NAME-silently, NAME-of-detached.
    text = "".join(path.read_text() for path in sources() if path != table)
    bare = {code.removesuffix("-silently").removesuffix("-of-detached"): code for code in SENTENCES}

    assert not [code for stem, code in bare.items() if f'"{stem}"' not in text]


@pytest.mark.parametrize("code", SENTENCES)
def test_sentence_is_complete(code: str) -> None:
    text = sentence(code, **values_of(code))

    assert "{" not in text
    assert text[0].isupper() or text[0].isdigit()
    assert (text.code, text.values) == (code, values_of(code))


def test_missing_value_is_an_error_of_the_program() -> None:
    with pytest.raises(KeyError):
        sentence("not-running")


@pytest.mark.usefixtures("translated")
def test_sentence_is_said_in_the_language_of_the_process() -> None:
    assert sentence("no-style").startswith("NO STYLE IS GIVEN.")
    assert "SIZE MUST LIE" in sentence("out-of-range", label="Size", low=1, high=2, value=3)
    assert "MORE THAN 2 MIN." in sentence("lease-over", time=120.0)


def test_number_of_the_system_becomes_its_reason() -> None:
    error = OSError(errno.ENOENT, "No such file")

    text = sentence("config-unreadable", path="a", errno=reason_of(error))

    assert text.endswith(f"{os.strerror(errno.ENOENT)}.")
    assert text.values["errno"] == str(errno.ENOENT)


def test_error_without_a_number_keeps_its_text() -> None:
    text = sentence("config-unreadable", path="a", errno=reason_of(OSError("It failed")))

    assert text.endswith("It failed.")


def sent(problem: Problem) -> Problem:
    """Returns a problem after its way through the protocol."""
    reply: ErrorReply = decode(encode(ErrorReply("1", problem)), DaemonMessage)
    return reply.problem


@pytest.mark.usefixtures("translated")
def test_error_of_the_daemon_is_said_again_in_the_language_of_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as daemon:
        daemon.setattr(sentences, "_translate", str)
        problem = sent(Problem.of(InvalidImage(sentence("too-many-styles", limit=8, count=9))))

    assert problem.message == "A picture can have at most 8 styles; got 9."
    assert problem.text == "A PICTURE CAN HAVE AT MOST 8 STYLES; GOT 9."
    assert str(problem.error) == problem.text
    assert isinstance(problem.error, DaemonError)
    assert problem.error.code is ErrorCode.INVALID_IMAGE


@pytest.mark.parametrize(
    ("reason", "values"),
    [("of-a-later-version", {}), ("lease-over", {}), ("lease-over", {"time": "x"})],
)
def test_sentence_of_a_newer_daemon_is_shown_as_it_is(reason: str, values: dict[str, str]) -> None:
    assert said_again(reason, values, "What it said.") == "What it said."


def test_problem_without_a_sentence_is_shown_as_it_is() -> None:
    problem = sent(Problem(ErrorCode.INTERNAL, "It failed.", "size"))

    assert (problem.text, problem.error.field) == ("It failed.", "size")


def test_settings_say_why_a_value_is_refused() -> None:
    with pytest.raises(InvalidSettings) as raised:
        StyleSettings(size=1)

    problem = sent(Problem.of(raised.value))
    assert (problem.reason, problem.field) == ("out-of-range", "size")
    assert isinstance(raised.value.args[0], Sentence)


def test_long_values_are_cut() -> None:
    problem = Problem.saying(ErrorCode.INTERNAL, sentence("job-lost", reason="x" * 10_000))

    assert [len(value.text) for value in problem.values] == [LONGEST_VALUE]
    assert len(problem.message) <= 1000


def test_no_sentence_sends_everybody_to_a_checkout() -> None:
    # The wheel and the zip have no install.sh.
    ways = ("Press Install…", "impasto setup", "the way you did")

    assert [
        text
        for text in SENTENCES.values()
        if "./install.sh" in text and not any(way in text for way in ways)
    ] == []
