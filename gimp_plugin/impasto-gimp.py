#!/usr/bin/env python3
"""Entry point that GIMP starts. Python cannot import it as a package: its name has a hyphen."""

import sys

from impasto_gimp.introspection import Gimp
from impasto_gimp.procedures.plugin import ImpastoPlugIn

Gimp.main(ImpastoPlugIn.__gtype__, sys.argv)
