"""The environment variables of programs that are started from within GIMP."""

from __future__ import annotations

import os
import re

# What an AppImage, a Snap or a wrapper of GIMP sets for its own programs: others would load the
# wrong modules and libraries, or look for certificates in a folder that goes with GIMP.
_FOREIGN = re.compile(r"PYTHON\w*|LD_\w+|DYLD_\w+|SSL_CERT_(FILE|DIR)")


def own_variables() -> dict[str, str]:
    """Returns the variables of this process without those that are for GIMP's own programs."""
    return {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
