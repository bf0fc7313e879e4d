"""Planning of scales and of memory: numbers alone, without torch."""
