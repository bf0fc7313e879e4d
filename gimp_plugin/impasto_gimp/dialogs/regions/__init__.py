"""The regions of a layer: their choice, their suggestion, and how they are shown."""
