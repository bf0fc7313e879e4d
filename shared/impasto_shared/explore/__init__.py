"""Explore: the experiments that show what each setting does."""
