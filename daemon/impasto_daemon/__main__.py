"""`python -m impasto_daemon` is the command `impasto`."""

from impasto_daemon.commands.main import main

main()
