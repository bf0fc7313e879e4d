"""The texts of the plug-in in the language of the user, from the catalogue.

GIMP hands the language that is chosen in its preferences to its plug-ins in the environment, where
Python's gettext looks for it. A text without a translation stays as it is.
"""

from __future__ import annotations

from gettext import translation
from pathlib import Path

from impasto_shared.text.sentences import speak

DOMAIN = "impasto-gimp"
LOCALE = Path(__file__).parent / "locale"

_catalogue = translation(DOMAIN, LOCALE, fallback=True)
gettext = _catalogue.gettext
ngettext = _catalogue.ngettext
# The errors of the daemon and of its client, too, are said in this language.
speak(gettext)
_DECIMAL_POINT = gettext(".")


def decimal(number: str) -> str:
    """Returns a number that Python has written, with the decimal point of the user's language."""
    return number.replace(".", _DECIMAL_POINT)
