"""A job as the commands see it: submitted, followed, written to a file."""
