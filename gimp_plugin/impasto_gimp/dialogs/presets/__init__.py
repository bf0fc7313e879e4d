"""Named presets of the settings: their menu, and the questions that it asks."""
