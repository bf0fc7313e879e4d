#!/usr/bin/env python3
"""Entry point that GIMP starts. Python cannot import it as a package: its name has a hyphen."""

import sys
from pathlib import Path

from impasto_gimp.introspection import Gimp
from impasto_gimp.procedures.plugin import ImpastoPlugIn

# install.sh puts pyzmq here if GIMP's Python has none of its own.
vendor = Path(__file__).parent / "vendor"
if vendor.is_dir():
    sys.path.append(str(vendor))

Gimp.main(ImpastoPlugIn.__gtype__, sys.argv)
