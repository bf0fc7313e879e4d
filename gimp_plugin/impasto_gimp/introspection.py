"""GIMP's libraries that need no screen, each in the version that the plug-in is written for.

Only this module and `introspection_gtk` import gi. GIMP asks plug-ins for their procedures without
a screen, so GTK is not imported here.

Their types are in typings/, for each version of GIMP, with the names that the plug-in uses. If
mypy does not know a name, run tests/gimp/make_stubs.py.
"""

from __future__ import annotations

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gegl, Gimp, Gio, GLib, GObject

__all__ = ["GLib", "GObject", "GdkPixbuf", "Gegl", "Gimp", "Gio"]
