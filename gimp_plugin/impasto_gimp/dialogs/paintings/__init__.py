"""The choice of a painting: the gallery, and the files of the user."""
