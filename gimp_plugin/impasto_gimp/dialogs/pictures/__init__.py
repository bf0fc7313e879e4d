"""Widgets that show pictures: pixbufs, a split between two, zoom and pan."""
