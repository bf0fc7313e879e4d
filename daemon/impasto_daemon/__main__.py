"""`python -m impasto_daemon` is the command `impasto`."""

from impasto_daemon.cli import main

main()
