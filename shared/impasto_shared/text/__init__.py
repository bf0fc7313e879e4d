"""Texts that people read: sentences of errors, durations, and what a terminal may be sent."""
