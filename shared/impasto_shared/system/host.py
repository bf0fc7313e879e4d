"""The calls and constants of the operating system: those of `posix`, or of `windows`.

A name means the same in both, so all of them are passed on.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from impasto_shared.system.windows import *  # noqa: F403
else:
    from impasto_shared.system.posix import *  # noqa: F403
