"""The paintings that can be chosen: shipped, the user's own, layers; files read as styles."""
