"""`impasto doctor`: checks everything that a bug report needs, and repairs what it can."""
