"""GIMP's procedural database."""

from __future__ import annotations

from impasto_gimp.introspection import Gimp
from impasto_gimp.translation import gettext


def last_error() -> str:
    """Returns GIMP's own explanation of why its last call failed."""
    pdb = Gimp.get_pdb()
    return (pdb and pdb.get_last_error()) or gettext("GIMP gave no reason.")
