"""The setup of this checkout, for install.sh: `python3 -I install.py COMMAND`.

A program of its own, since Python isolated from the current folder (-I) knows none of our folders.
"""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "shared"), str(CHECKOUT / "daemon")]

from impasto_daemon.setup.from_checkout import run_from  # noqa: E402 - found by the line above

run_from(CHECKOUT)
