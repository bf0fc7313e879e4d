#!/usr/bin/env python3
"""What GIMP starts. The hyphen keeps Python from taking this file for a package beside it."""

import sys
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402 - the version must be chosen first

# install.sh puts pyzmq here where GIMP's Python has none of its own.
vendor = Path(__file__).parent / "vendor"
if vendor.is_dir():
    sys.path.append(str(vendor))

from impasto_gimp.procedures.plugin import ImpastoPlugIn  # noqa: E402

Gimp.main(ImpastoPlugIn.__gtype__, sys.argv)
