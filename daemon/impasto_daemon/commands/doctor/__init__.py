"""`impasto doctor`: looks at everything that a bug report would need, and mends what it can."""
