"""`python -P -m impasto_daemon` is the command `impasto`."""

import sys

if not sys.flags.safe_path:
    # Without -P, Python looks for modules in the current folder first, whose files are not ours.
    del sys.path[0]

from impasto_daemon.commands.main import main

main()
