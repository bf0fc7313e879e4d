"""Tests that share an expensive fixture run in one process of pytest-xdist.

Its own groups, which are marks, have no effect in pytest 9.2, whose node ids cannot be changed.
"""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

# Modules whose tests share one daemon, or one cluster, that paints.
_WHOLE_MODULES = (
    "tests/integration/test_cluster.py",
    "tests/integration/test_explore.py",
    "tests/wine/test_windows.py",
)


class GroupScheduling(LoadScopeScheduling):
    """Gives each process one group after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """Returns the group of a test: most are alone; a module and a GIMP share a home and a start."""
    module, _, test = nodeid.partition("::")
    if module.startswith("tests/gimp/"):
        version = re.search(r"\[(\d+\.\d+)", test)
        return f"{module} {version[1] if version else ''}"
    return module if module in _WHOLE_MODULES else nodeid
