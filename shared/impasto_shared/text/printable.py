"""Text from elsewhere made safe to show: a daemon's, a client's, a file's name."""

from __future__ import annotations

import re

# Control characters, with which a text can rewrite a terminal; line and paragraph separators; and
# the marks that reverse the direction of what follows.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Returns `text` as one line, without the characters that control a terminal.

    >>> printable("a\x1b[2Jb\nc")
    'a[2Jb c'
    """
    return _CONTROLS.sub("", " ".join(text.splitlines()))
