"""The plug-in's texts as gettext catalogues: gimp_plugin/po/LANGUAGE.po, and what GIMP reads.

Run this after changing a text or a translation, with the names of new languages, if any:
PYTHONPATH=shared:gimp_plugin:tests .venv/bin/python tests/gimp_plugin/catalogues.py [LANGUAGE…]
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from impasto_gimp.translation import DOMAIN, LOCALE
from impasto_shared import __version__
from impasto_shared.explore.experiments import all_sheets
from impasto_shared.explore.sheet_layout import LEFT_OUT
from impasto_shared.explore.sheet_painting import WEIGHTS_MISSING
from impasto_shared.image import SIDE_OUT_OF_RANGE, TOO_MANY_PIXELS
from impasto_shared.schema import ChoiceSetting
from impasto_shared.settings import SETTINGS
from impasto_shared.text.durations import HOURS, MINUTES, SECONDS
from impasto_shared.text.sentences import SENTENCES
from impasto_shared.texture import HEIGHT, NAME, WIDTH

SOURCES = Path(__file__).parents[2] / "gimp_plugin/impasto_gimp"
TRANSLATIONS = SOURCES.parent / "po"
_SETTINGS_FILE = "shared/impasto_shared/settings.py"
_DURATIONS_FILE = "shared/impasto_shared/text/durations.py"
_IMAGE_FILE = "shared/impasto_shared/image.py"
_SENTENCES_FILE = "shared/impasto_shared/text/sentences.py"
_SHEETS_FILE = "shared/impasto_shared/explore/experiments.py"
# The names of layers are the same in every language.
_LAYER = re.compile(r"[a-z]+\d+_\d+")


def template() -> Catalog:
    """Returns all texts of the plug-in, and of the settings and sheets that its dialogs show."""
    catalog = Catalog()
    for file, line, text, _, _ in extract_from_dir(SOURCES, [("**.py", "python")]):
        catalog.add(text, locations=[(f"gimp_plugin/impasto_gimp/{file}", line)])
    for text in _texts_of_settings():
        catalog.add(text, locations=[(_SETTINGS_FILE, 0)])
    for text in (SECONDS, MINUTES, HOURS):
        catalog.add(text, locations=[(_DURATIONS_FILE, 0)])
    for text in (NAME, SIDE_OUT_OF_RANGE, TOO_MANY_PIXELS):
        catalog.add(text, locations=[(_IMAGE_FILE, 0)])
    for text in SENTENCES.values():
        catalog.add(text, locations=[(_SENTENCES_FILE, 0)])
    for text in _texts_of_sheets():
        catalog.add(text, locations=[(_SHEETS_FILE, 0)])
    return catalog


def _texts_of_settings() -> Iterator[str]:
    for setting in (WIDTH, HEIGHT, *SETTINGS):
        yield setting.label
        yield setting.help
        if isinstance(setting, ChoiceSetting):
            yield from setting.choices.values()


def _texts_of_sheets() -> Iterator[str]:
    yield LEFT_OUT
    yield WEIGHTS_MISSING
    for sheet in all_sheets():
        yield sheet.title
        yield sheet.shows
        captions = (row.caption for row in sheet.rows)
        for caption in (*captions, *(tile.caption for tile in sheet.tiles)):
            if caption and not _LAYER.match(caption):
                yield caption


def languages() -> list[str]:
    """Returns the languages that have a translation."""
    return sorted(file.stem for file in TRANSLATIONS.glob("*.po"))


def translation_file(language: str) -> Path:
    """Returns the file that a translator edits."""
    return TRANSLATIONS / f"{language}.po"


def catalogue_file(language: str) -> Path:
    """Returns the file that the plug-in reads."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo"


def read(language: str) -> Catalog:
    """Returns the translation into a language; a new one is empty."""
    file = translation_file(language)
    if not file.exists():
        return Catalog(
            language,
            header_comment="# Impasto in GIMP. Its licence is that of the project.",
            project="Impasto",
            version=__version__,
            msgid_bugs_address="none",
            last_translator="The Impasto developers",
            language_team="none",
            fuzzy=False,
        )
    with file.open("rb") as stream:
        return read_po(stream, locale=language)


def updated(language: str) -> Catalog:
    """Returns the translation with exactly the current texts; new texts are untranslated."""
    catalog, texts = read(language), template()
    texts.creation_date = catalog.creation_date  # or every run would change the file
    catalog.update(texts, no_fuzzy_matching=True)
    return catalog


def as_po(catalog: Catalog) -> bytes:
    """Returns a catalogue in the form that a translator reads."""
    stream = io.BytesIO()
    write_po(stream, catalog, width=100, ignore_obsolete=True, include_lineno=False)
    return stream.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    """Returns a catalogue in the form that gettext reads."""
    stream = io.BytesIO()
    write_mo(stream, catalog)
    return stream.getvalue()


def main() -> None:
    """Brings all catalogues up to date."""
    TRANSLATIONS.mkdir(exist_ok=True)
    for language in {*languages(), *sys.argv[1:]}:
        catalog = updated(language)
        translation_file(language).write_bytes(as_po(catalog))
        catalogue_file(language).parent.mkdir(parents=True, exist_ok=True)
        catalogue_file(language).write_bytes(as_mo(catalog))


if __name__ == "__main__":
    main()
