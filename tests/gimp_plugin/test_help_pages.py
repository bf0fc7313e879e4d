from __future__ import annotations

import re

import pytest

from gimp_plugin.catalogues import read
from gimp_plugin.help_pages import (
    ENGLISH,
    HELP,
    SOURCE,
    Section,
    digest_of,
    help_page,
    languages,
    page,
    sections,
    source,
    with_digests,
)
from impasto_shared.settings import SETTINGS

PLUGIN = HELP.parent / "procedures/plugin.py"
TRANSLATED = [language for language in languages() if language != ENGLISH]
REMEDY = "translate docs/gimp.md, then run tests/gimp_plugin/help_pages.py {language}"


def words(text: str) -> list[str]:
    """Returns the words of a page, which do not depend on the version of the tools."""
    return re.sub(r"<[^>]*>", " ", text).split()


def sections_of(language: str) -> list[Section]:
    return list(sections(source(language).read_text()))


def structure(section: Section) -> dict[str, object]:
    """Returns what a section and its translation have in common."""
    lines = section.text.splitlines()
    return {
        "level": section.level,
        "paragraphs": len(re.split(r"\n\s*\n", section.text)),
        "rows of tables": sum(line.startswith("|") for line in lines),
        "points": sum(line.startswith(("- ", "* ")) for line in lines),
        "numbers": re.findall(r"^(\d+)\. ", section.text, re.MULTILINE),
        "code": sorted(re.findall(r"`[^`\n]+`", section.text)),
        "pages and pictures": re.findall(r"\]\((?!gimp)([^)#]+)", section.text),
        "anchors": section.text.count("](#"),
        "bold": section.text.count("**"),
    }


def test_the_page_is_in_every_language_of_the_plugin() -> None:
    assert TRANSLATED == ["de"]


@pytest.mark.parametrize("language", languages())
def test_page_is_up_to_date(language: str) -> None:
    made = words(help_page(language))

    assert words(page(language).read_text()) == made, "run tests/gimp_plugin/help_pages.py"


@pytest.mark.parametrize("language", languages())
def test_page_names_every_setting_and_leads_nowhere_else(language: str) -> None:
    text = page(language).read_text()
    texts = {message.id: message.string for message in read("de")} if language == "de" else {}

    assert all(f"<td>{texts.get(each.label, each.label)}</td>" in text for each in SETTINGS)
    links = re.findall(r'(?:href|src)="([^"]*)"', text)
    assert "#settings" in links
    assert [link for link in links if f'id="{link.removeprefix("#")}"' not in text] == []


@pytest.mark.parametrize("language", languages())
def test_every_procedure_has_its_page(language: str) -> None:
    folder = page(language).parent
    items = re.findall(r'id="([^"]*)" ref="([^"]*)"', (folder / "gimp-help.xml").read_text())
    procedures = re.findall(r'= "(plug-in-impasto-[a-z-]+)"', PLUGIN.read_text())

    assert procedures
    assert [procedure for procedure, _ in items] == procedures
    assert all((folder / name).is_file() for _, name in items)


@pytest.mark.parametrize("language", TRANSLATED)
def test_translation_says_what_the_english_page_says_today(language: str) -> None:
    english, translated = sections_of(ENGLISH), sections_of(language)

    assert len(translated) == len(english), REMEDY.format(language=language)
    changed = [
        f"{section.heading} (now {translation.heading})"
        for section, translation in zip(english, translated, strict=True)
        if translation.digest != digest_of(section)
    ]
    assert not changed, REMEDY.format(language=language)


@pytest.mark.parametrize("language", TRANSLATED)
def test_translation_has_the_parts_of_the_english_page(language: str) -> None:
    title, *english = sections_of(ENGLISH)
    translated_title, *translated = sections_of(language)

    assert (title.level, title.heading) == (translated_title.level, translated_title.heading)
    for section, translation in zip(english, translated, strict=True):
        assert structure(translation) == structure(section), section.heading


def test_each_page_names_the_other() -> None:
    assert "gimp.de.md" in SOURCE.read_text()
    assert "](gimp.md)" in source("de").read_text()


def test_a_changed_section_is_noticed() -> None:
    english = "# A\n\nOne.\n\n## B\n\nTwo.\n"
    german = with_digests("# A\n\nEins.\n\n## B\n\nZwei.\n", english)
    digests = [section.digest for section in sections(german)]

    assert digests == [digest_of(section) for section in sections(english)]
    later = list(sections(english.replace("Two.", "Two and a half.")))
    assert digest_of(later[0]) == digests[0]
    assert digest_of(later[1]) != digests[1]


def test_digests_are_renewed_without_other_changes() -> None:
    german = source("de").read_text()

    assert with_digests(german, SOURCE.read_text()) == german


def test_line_breaks_do_not_change_a_section() -> None:
    first, second = (next(sections(f"# A\n\n{text}\n")) for text in ("One two.", "One\ntwo."))

    assert digest_of(first) == digest_of(second)
