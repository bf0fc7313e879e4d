"""Windows and widgets (GTK)."""
