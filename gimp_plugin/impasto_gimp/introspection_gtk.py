"""GTK and GIMP's widgets, each in the version that the plug-in is written for. Needs a screen."""

from __future__ import annotations

import gi

gi.require_version("Atk", "1.0")
gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Atk, Gdk, GimpUi, Gtk, Pango

__all__ = ["Atk", "Gdk", "GimpUi", "Gtk", "Pango"]
