"""The texts of the plug-in in the language of the user, from the catalogue.

GIMP hands the language that is chosen in its preferences to its plug-ins in the environment, where
Python's gettext looks for it. A text without a translation stays English, which is American as
GIMP's own, unless the user's is another English.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from gettext import NullTranslations, translation
from pathlib import Path

from impasto_shared.text.sentences import speak

DOMAIN = "impasto-gimp"
LOCALE = Path(__file__).parent / "locale"

_AMERICAN = (
    ("olour", "olor"),
    ("avourite", "avorite"),
    ("eighbour", "eighbor"),
    ("uthoris", "uthoriz"),
)


def american(text: str) -> str:
    """Returns an English text of Impasto in American spelling."""
    for british, spelt in _AMERICAN:
        text = text.replace(british, spelt)
    return text


def is_american(environment: Mapping[str, str]) -> bool:
    """Returns whether English is to be American: not if another one is the user's language."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    language = next((value for name in names if (value := environment.get(name))), "")
    return not language.startswith("en_") or language.startswith("en_US")


class _English(NullTranslations):
    def gettext(self, message: str) -> str:
        return american(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return american(msgid1 if n == 1 else msgid2)


_catalogue = translation(DOMAIN, LOCALE, fallback=True)
if is_american(os.environ):
    # The end of every catalogue, too: a text that it lacks.
    _catalogue.add_fallback(_English())
    if type(_catalogue) is NullTranslations:
        _catalogue = _English()
gettext = _catalogue.gettext
ngettext = _catalogue.ngettext
# The errors of the daemon and of its client, too, are said in this language.
speak(gettext)
_DECIMAL_POINT = gettext(".")


def decimal(number: str) -> str:
    """Returns a number that Python has written, with the decimal point of the user's language."""
    return number.replace(".", _DECIMAL_POINT)


def percent(share: float) -> str:
    """Returns a share in [0, 1] as the user's language writes it."""
    return gettext("{percent}%").format(percent=round(100 * share))
