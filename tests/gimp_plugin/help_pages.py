"""The pages that the dialogs' button Help opens, made from docs/gimp.md and the settings.

docs/gimp.LANGUAGE.md are its translations. Each has, below a heading, a comment with the digest of
the English section that it says: a section that has changed since is found by
tests/gimp_plugin/test_help_pages.py. Run this after changing one of the pages:
PYTHONPATH=shared:gimp_plugin:tests .venv/bin/python tests/gimp_plugin/help_pages.py

After translating what has changed, run it with the language, which renews the digests:
PYTHONPATH=shared:gimp_plugin:tests .venv/bin/python tests/gimp_plugin/help_pages.py de
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import markdown
from markdown.extensions.toc import TocExtension, slugify_unicode

from gimp_plugin.catalogues import read
from impasto_shared.schema import ChoiceSetting, IntegerSetting, LayersSetting, SwitchSetting
from impasto_shared.settings import SETTINGS, Setting

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "docs/gimp.md"
HELP = REPOSITORY / "gimp_plugin/impasto_gimp/help"
ENGLISH = "en"
# Those of GitHub, which keep umlauts.
_ANCHORS = TocExtension(slugify=slugify_unicode)
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_DIGEST = re.compile(r"\n<!-- of English section ([0-9a-f]{8}) -->\n")
_WORDS = {
    "en": ("Impasto in GIMP", "All settings", "on or off", "{low} to {high}"),
    "de": ("Impasto in GIMP", "Alle Einstellungen", "ein oder aus", "{low} bis {high}"),
}
"""The title of each page and words of its table of settings: the heading, switches, numbers."""
_STYLE = (
    "body { max-width: 44em; margin: 2em auto; padding: 0 1em; font-family: sans-serif; "
    "line-height: 1.4 } td { vertical-align: top; padding: 0.2em 1em 0.2em 0 }"
)


@dataclass(frozen=True)
class Section:
    """A heading of a page with what is below it, up to the next heading.

    level: 1 for the title. digest: that of the English section of which it is a translation.
    """

    level: int
    heading: str
    text: str
    digest: str | None


def languages() -> list[str]:
    """Returns the languages of the page."""
    translated = (path.name.split(".")[1] for path in SOURCE.parent.glob("gimp.*.md"))
    return [ENGLISH, *sorted(translated)]


def source(language: str) -> Path:
    """Returns the page in docs."""
    return SOURCE if language == ENGLISH else SOURCE.with_name(f"gimp.{language}.md")


def page(language: str) -> Path:
    """Returns the page that GIMP opens."""
    return HELP / language / "index.html"


def sections(text: str) -> Iterator[Section]:
    """Yields the sections of a page."""
    headings = list(_HEADING.finditer(re.sub(r"```.*?```", _blank, text, flags=re.DOTALL)))
    ends = [match.start() for match in headings[1:]] + [len(text)]
    for match, end in zip(headings, ends, strict=True):
        below = text[match.end() : end]
        digest = _DIGEST.match(below)
        plain = _DIGEST.sub("\n", below, count=1).strip()
        yield Section(len(match[1]), match[2], plain, digest[1] if digest else None)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def digest_of(section: Section) -> str:
    """Returns the digest of an English section, whatever its line breaks."""
    words = " ".join(f"{section.heading} {section.text}".split())
    return hashlib.sha256(words.encode()).hexdigest()[:8]


def with_digests(text: str, english: str) -> str:
    """Returns a translation with the digests of today's English sections."""
    digests = iter([digest_of(section) for section in sections(english)])

    def renewed(match: re.Match[str]) -> str:
        return f"{match[0]}\n<!-- of English section {next(digests)} -->"

    plain = _DIGEST.sub("\n", text)
    fences = re.split(r"(```.*?```)", plain, flags=re.DOTALL)
    return "".join(
        part if part.startswith("```") else _HEADING.sub(renewed, part) for part in fences
    )


def help_page(language: str) -> str:
    """Returns the page as HTML, without pictures and without links to other pages."""
    title, all_settings, switch, numbers = _WORDS[language]
    body = markdown.markdown(_text(language), extensions=["tables", _ANCHORS, "fenced_code"])
    translate = _translation(language)
    rows = "\n".join(_row(setting, translate, switch, numbers) for setting in SETTINGS)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        f'<h2 id="settings">{all_settings}</h2>\n<table>\n{rows}\n</table>\n</body>\n</html>\n'
    )


def _translation(language: str) -> Callable[[str], str]:
    if language == ENGLISH:
        return str
    texts = {message.id: message.string for message in read(language) if message.id}
    return lambda text: str(texts[text])


def _text(language: str) -> str:
    """Returns the page without pictures, naming other pages instead of linking to them."""
    text = _DIGEST.sub("\n", source(language).read_text())
    without_pictures = re.sub(r"\n *!\[[^]]*\]\([^)]*\)\n", "", text)
    settings_below = without_pictures.replace("](settings.md)", "](#settings)")
    folder = {"en": r"docs/\1 in the Impasto folder", "de": r"docs/\1 im Impasto-Ordner"}[language]
    named = re.sub(r"\[([^]]*\.md)\]\(\1\)", folder, settings_below)
    return re.sub(r"\[([^]]*)\]\((?!#)[^)]*\)", r"\1", named)


def _row(setting: Setting, translate: Callable[[str], str], switch: str, numbers: str) -> str:
    match setting:
        case ChoiceSetting(choices=choices):
            values = "; ".join(translate(choice) for choice in choices.values())
        case SwitchSetting():
            values = switch
        case LayersSetting(default=default):
            values = default
        case IntegerSetting():
            values = numbers.format(low=setting.low, high=setting.high)
        case _:
            values = numbers.format(low=f"{setting.low:g}", high=f"{setting.high:g}")
    cells = (translate(setting.label), translate(setting.help), values)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


if __name__ == "__main__":
    for renewed in sys.argv[1:]:
        file = source(renewed)
        file.write_text(with_digests(file.read_text(), SOURCE.read_text()))
    for each in languages():
        page(each).write_text(help_page(each))
