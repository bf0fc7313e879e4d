from __future__ import annotations

import os
import re
import string
import subprocess
import sys
from gettext import GNUTranslations

import pytest
from babel.messages.catalog import Message

from gimp_plugin.catalogues import (
    SOURCES,
    catalogue_file,
    languages,
    read,
    template,
    updated,
)
from impasto_gimp.translation import american, is_american
from impasto_shared.text.sentences import SENTENCES

SHARED = SOURCES.parents[1] / "shared"


def messages(language: str) -> list[Message]:
    return [message for message in read(language) if message.id]


def texts(wording: object) -> list[str]:
    """Returns a message's text, or those of singular and plural."""
    return [wording] if isinstance(wording, str) else list(wording)  # type: ignore[call-overload]


def placeholders(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_is_a_translation() -> None:
    assert "de" in languages()


@pytest.mark.parametrize("language", languages())
def test_the_catalogues_are_up_to_date(language: str) -> None:
    remedy = "run tests/gimp_plugin/catalogues.py"
    todays = [(message.id, message.string) for message in updated(language) if message.id]
    assert [(message.id, message.string) for message in messages(language)] == todays, remedy
    with catalogue_file(language).open("rb") as stream:
        read_by_the_plugin = GNUTranslations(stream)
    for message in messages(language):
        if isinstance(message.id, str):
            translated = [read_by_the_plugin.gettext(message.id)]
        else:
            singular, plural = message.id
            translated = [read_by_the_plugin.ngettext(singular, plural, n) for n in (1, 2)]
        assert translated == texts(message.string), remedy


@pytest.mark.parametrize("language", languages())
def test_every_text_is_translated_with_the_same_placeholders_and_mnemonics(language: str) -> None:
    for message in messages(language):
        assert not message.fuzzy, message.id
        for translated in texts(message.string):
            assert translated, f"{message.id!r} has no translation"
            original = texts(message.id)[-1]
            assert placeholders(translated) == placeholders(original), original
            assert translated.count("_") == original.count("_"), original


# Words of English that are none of German, and what is the same in every language.
ENGLISH = re.compile(r"\b(the|and|of|with|for|that|this|are|cannot|again|not|your|you)\b")
COMMANDS = re.compile(
    r"\{\w+\}|\./install\.sh \w+|impasto( [a-z]+)+|apt install [\w-]+|Select > None"
)


def test_no_german_text_is_half_in_english() -> None:
    half_english = {
        text: match[0]
        for message in messages("de")
        for text in texts(message.string)
        if (match := ENGLISH.search(COMMANDS.sub("", text)))
    }

    assert not half_english


def test_every_sentence_of_an_error_is_translated() -> None:
    translated = {message.id: message.string for message in messages("de")}

    assert not [
        code for code, text in SENTENCES.items() if translated.get(text) in (None, "", text)
    ]


def test_error_of_the_daemon_is_in_the_language_of_gimp() -> None:
    program = (
        "from impasto_gimp.jobs.session import check_alive\n"
        "from impasto_shared.errors import DaemonError, ErrorCode\n"
        "from impasto_shared.protocol.reports import JobReport, JobState, Problem, ProblemValue\n"
        "values = (ProblemValue('size', '512'),)\n"
        "english = 'There is not enough memory to paint.'\n"
        "for reason in ('memory-for-picture', 'of-a-later-version'):\n"
        "    problem = Problem(ErrorCode.OUT_OF_MEMORY, english, None, reason, values)\n"
        "    try:\n"
        "        check_alive(JobReport('0' * 32, JobState.FAILED, problem=problem))\n"
        "    except DaemonError as error:\n"
        "        print(error)\n"
    )

    known, newer = _said(program, {"LANGUAGE": "de"}).splitlines()

    assert known.startswith(
        "Der Speicher reicht nicht, um ein Bild mit einer längsten Seite von 512"
    )
    assert newer == "There is not enough memory to paint."


def test_error_of_the_launcher_is_in_the_language_of_gimp() -> None:
    program = (
        "import impasto_gimp.translation\n"
        "from impasto_shared.launcher import find_impasto\n"
        "try:\n"
        "    find_impasto()\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    nowhere = {"LANGUAGE": "de", "PATH": "/nowhere", "HOME": "/nowhere"}

    assert _said(program, nowhere).startswith("Der Impasto-Dienst ist nicht installiert: ")


def test_texts_of_code_and_of_settings_are_found() -> None:
    extracted = {text for message in template() if message.id for text in texts(message.id)}
    assert extracted >= {"_Neural Style…", "{count} jobs are in progress.", "Stroke size", "Draft"}


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        pytest.param({"LANGUAGE": "de"}, "noch 42 s", id="as GIMP sets it"),
        pytest.param({"LANG": "de_AT.UTF-8"}, "noch 42 s", id="the system's"),
        pytest.param({"LANG": "C.UTF-8"}, "42 s left", id="English"),
        pytest.param({"LANGUAGE": "tlh"}, "42 s left", id="without a translation"),
    ],
)
def test_the_language_is_that_of_the_environment(environment: dict[str, str], text: str) -> None:
    program = (
        "from impasto_gimp.jobs.session import progress_of\n"
        "from impasto_shared.protocol.reports import JobReport, JobState\n"
        "report = JobReport('0' * 32, JobState.RUNNING, step=1, steps=2, eta_s=42.0)\n"
        "print(progress_of(report).text)\n"
    )
    assert text in _said(program, environment)


@pytest.mark.parametrize(("language", "number"), [("de", "1,5"), ("tlh", "1.5")])
def test_numbers_have_the_decimal_point_of_the_language(language: str, number: str) -> None:
    program = "from impasto_gimp.translation import decimal\nprint(decimal('1.5'))\n"
    assert _said(program, {"LANGUAGE": language}) == f"{number}\n"


def _said(program: str, environment: dict[str, str]) -> str:
    """Returns what a Python program prints that can import the plug-in."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{SHARED}:{SOURCES.parent}", **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("environment", "is_so"),
    [
        ({}, True),
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "fr_FR.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LANGUAGE": "en_US", "LANG": "en_GB.UTF-8"}, True),
        ({"LANGUAGE": "", "LC_ALL": "en_AU.UTF-8"}, False),
    ],
)
def test_english_is_american_unless_the_user_s_is_another(
    environment: dict[str, str], is_so: bool
) -> None:
    assert is_american(environment) is is_so


@pytest.mark.parametrize(
    ("language", "spelling"), [("en_US", "Color scheme"), ("en_GB", "Colour scheme")]
)
def test_english_is_spelt_as_gimp_s_own(language: str, spelling: str) -> None:
    program = (
        "from impasto_gimp.translation import gettext, ngettext\n"
        "print(gettext('Colour scheme'), ngettext('{count} favourite', '{count} favourites', 2))"
    )

    ending = "favorites" if language == "en_US" else "favourites"
    assert _said(program, {"LANGUAGE": language}) == f"{spelling} {{count}} {ending}\n"


def test_no_name_of_a_value_is_spelt_in_two_ways() -> None:
    for text in [*SENTENCES.values(), *(str(each.id) for each in messages("de"))]:
        assert placeholders(american(text)) == placeholders(text), text


@pytest.mark.parametrize(
    ("language", "written"), [("en_US", "33%"), ("de", "33\N{NO-BREAK SPACE}%")]
)
def test_share_is_written_as_the_language_does(language: str, written: str) -> None:
    program = "from impasto_gimp.translation import percent; print(percent(0.334))"

    assert _said(program, {"LANGUAGE": language}) == f"{written}\n"
