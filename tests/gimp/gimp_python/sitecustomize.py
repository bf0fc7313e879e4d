"""Refuses the plug-in all packages but gi: GIMP's Python on other systems can have no others.

Every Python of a GIMP under test loads this at its start. Debian's has more, as the scripted daemon
needs pyzmq.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

ALLOWED = {*sys.stdlib_module_names, "gi", "impasto_gimp", "impasto_shared"}


class OnlyStandardLibrary:
    """Raises ImportError for every other module, before Python looks for it."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Returns None, with which Python looks on, for a module that is allowed."""
        if name.partition(".")[0] not in ALLOWED:
            raise ImportError(f"the plug-in must not import {name}")
        return None


if any(argument.endswith("impasto-gimp.py") for argument in sys.orig_argv):
    sys.meta_path.insert(0, OnlyStandardLibrary())
