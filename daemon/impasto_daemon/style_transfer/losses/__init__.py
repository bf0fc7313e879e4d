"""The losses of the paper, and the objective that they add up to."""
