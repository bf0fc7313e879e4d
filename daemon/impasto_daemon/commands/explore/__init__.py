"""The command `impasto explore`: contact sheets that show what each setting does."""
